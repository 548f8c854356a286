// The loop that puts a stream of accesses through a model, filling page tables on first touch.
#pragma once

#include "sim/access_source.hpp"
#include "sim/configuration.hpp"
#include "system/failure.hpp"

#include <twofold/model/data_cache.hpp>
#include <twofold/model/reference_counts.hpp>
#include <twofold/model/translation_model.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

namespace twofold::vmm {

/// Sees every reference: counts it, and looks it up in the data caches where there are some.
class ReferenceObserver {
  public:
    explicit ReferenceObserver(bool data_caches)
        : data_caches_(data_caches ? std::make_unique<DataCaches>(DataCacheShape{}) : nullptr) {}

    [[gnu::always_inline]] void operator()(Reference const& reference) {
        counts_(reference);
        if (data_caches_ != nullptr) [[unlikely]]
            look_up(reference.address);
    }
    [[nodiscard]] TentativeCounts& counts() { return counts_; }
    [[nodiscard]] DataCaches* data_caches() { return data_caches_.get(); }
    [[nodiscard]] auto const& found_in() const { return found_in_; }

  private:
    [[gnu::noinline]] void look_up(Hpa address) { ++found_in_[data_caches_->touch(address)]; }

    TentativeCounts counts_;
    std::unique_ptr<DataCaches> data_caches_;
    std::array<std::uint64_t, data_cache_levels + 1> found_in_{};
};

/// Space: as TranslationModel. Tables: `fill(fault, gva, result)` makes what faulted translatable,
/// `remap(gva, result)` gives a page another frame.
template <class Space, class Tables>
class AccessLoop {
  public:
    AccessLoop(Space const& space, TranslationCaches& caches, Tables& tables,
               Configuration const& configuration)
        : model_(space, caches), tables_(tables), observer_(configuration.data_caches),
          remap_every_(configuration.remap_every), until_remap_(configuration.remap_every) {}

    /// Puts a batch through.
    void run(std::span<TraceAccess const> batch) {
        result_.accesses += batch.size();
        if (observer_.data_caches() != nullptr || remap_every_ != 0) return run_slowly(batch);
        TraceAccess const* at = batch.data();
        TraceAccess const* const end = at + batch.size();
        while (at != end) {
            DataFront const front{model_.caches()};
            if (front) [[likely]] {
                at = run_front(front, at, end);
                if (at == end) return;
            }
            settle(model_.access(at->gva, at->access, observer_.counts()), *at);
            ++at;
        }
    }
    [[nodiscard]] SimulationResult result() {
        SimulationResult result = result_;
        result.first_level_hits = result.accesses - result.second_level_hits - result.walks;
        result.references = observer_.counts().counts();
        result.found_in = observer_.found_in();
        return result;
    }

  private:
    /// Far more attempts than a walk has entries: what does not settle in so many never will.
    static constexpr unsigned most_faults = 128;

    /// Puts accesses through as long as `front` is enough for them. What it leaves is the first for
    /// which it is not.
    [[gnu::always_inline]] TraceAccess const*
    run_front(DataFront const& front, TraceAccess const* at, TraceAccess const* end) {
        using Found = DataFront::Found;
        for (; at != end; ++at) {
            if (at->access == Access::execute) [[unlikely]]
                break;
            Found const found = front.find(at->gva, at->access);
            if (found == Found::first_level) [[likely]]
                continue;
            if (found == Found::denied) [[unlikely]]
                break;
            if (found == Found::second_level) {
                ++result_.second_level_hits;
                continue;
            }
            Outcome const outcome = model_.walk(at->gva, at->access, observer_.counts());
            if (outcome == Outcome::walked) [[likely]] {
                count_walk();
            } else {
                settle(outcome, *at);
            }
            if (!front.holds(model_.caches())) [[unlikely]]
                return at + 1;
        }
        return at;
    }
    [[gnu::always_inline]] void settle(Outcome outcome, TraceAccess const& one) {
        if (outcome == Outcome::faulted) [[unlikely]]
            outcome = resolve(one);
        if (outcome == Outcome::second_level_hit) ++result_.second_level_hits;
        if (outcome == Outcome::walked) count_walk();
    }
    [[gnu::always_inline]] void count_walk() {
        ++result_.walks;
        observer_.counts().keep();
    }
    /// Repeats an access that faulted until it does not.
    [[gnu::noinline]] Outcome resolve(TraceAccess const& one) {
        for (unsigned faults = 0; faults < most_faults; ++faults) {
            observer_.counts().drop();
            tables_.fill(model_.fault(), one.gva, result_);
            Outcome const outcome = model_.access(one.gva, one.access, observer_);
            if (outcome != Outcome::faulted) return outcome;
        }
        throw Failure{"an access faults again and again: its page tables are not sound"};
    }
    void run_slowly(std::span<TraceAccess const> batch) {
        for (TraceAccess const& one : batch) {
            Outcome const outcome = model_.access(one.gva, one.access, observer_);
            if (outcome != Outcome::first_level_hit) settle(outcome, one);
            if (observer_.data_caches() != nullptr) touch_data(one);
            if (remap_every_ == 0 || --until_remap_ != 0) continue;
            until_remap_ = remap_every_;
            tables_.remap(one.gva, result_);
            model_.caches().invlpg(one.gva);
            ++result_.remaps;
        }
    }
    /// The data itself takes room in the data caches too.
    void touch_data(TraceAccess const& one) {
        auto& caches = model_.caches();
        auto const* const entry = caches.first_level().find(one.gva, one.access, caches.tags());
        if (entry != nullptr)
            observer_.data_caches()->touch(entry->page + one.gva.offset_in(entry->size.bytes()));
    }

    TranslationModel<Space> model_;
    Tables& tables_;
    ReferenceObserver observer_;
    SimulationResult result_{};
    std::uint64_t remap_every_;
    std::uint64_t until_remap_;
};

} // namespace twofold::vmm
