#include "sim/simulation.hpp"

#include "report/walk_shape.hpp"
#include "sim/access_loop.hpp"
#include "sim/filled_tables.hpp"
#include "sim/read_ahead.hpp"
#include "sim/recorded_parts.hpp"
#include "system/failure.hpp"

#include <twofold/model/native_space.hpp>
#include <twofold/model/nested_space.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

namespace twofold::vmm {

namespace {

/// Owns all that a simulation is made of. Parts: the tables of a technique and the space over them.
template <class Parts>
class SimulationOf final : public Simulation {
  public:
    SimulationOf(Configuration const& configuration, ProcessorShape const& processor)
        : caches_(std::make_unique<TranslationCaches>(processor)), parts_(memory_, configuration),
          loop_(parts_.space(), *caches_, parts_, configuration) {
        caches_->enter(parts_.context());
        for (std::uint64_t at = 0; at < configuration.populate_bytes;
             at += configuration.guest_page.bytes())
            parts_.populate(configuration.populate_from + at);
    }
    void run(std::span<TraceAccess const> batch) override { loop_.run(batch); }
    SimulationResult result() override {
        SimulationResult result = loop_.result();
        result.table_bytes = parts_.bytes();
        return result;
    }

  private:
    SparseMemory memory_{sim_layout::table_memory_bytes};
    std::unique_ptr<TranslationCaches> caches_;
    Parts parts_;
    AccessLoop<typename Parts::Space, Parts> loop_;
};

template <class Parts>
std::unique_ptr<Simulation> make(Configuration const& configuration,
                                 ProcessorShape const& processor) {
    return std::make_unique<SimulationOf<Parts>>(configuration, processor);
}

template <unsigned GuestLevels, unsigned EptLevels>
std::unique_ptr<Simulation> make_recorded(Configuration const& configuration,
                                          ProcessorShape const& processor) {
    switch (configuration.technique) {
    case Technique::native: return make<RecordedNative<GuestLevels>>(configuration, processor);
    case Technique::shadow:
        return make<RecordedShadow<GuestLevels, EptLevels>>(configuration, processor);
    case Technique::nested: break;
    }
    return make<RecordedNested<GuestLevels, EptLevels>>(configuration, processor);
}

template <unsigned GuestLevels, unsigned EptLevels>
std::unique_ptr<Simulation> make_of_levels(Configuration const& configuration,
                                           ProcessorShape const& processor) {
    if (configuration.recorded)
        return make_recorded<GuestLevels, EptLevels>(configuration, processor);
    switch (configuration.technique) {
    case Technique::native: return make<NativeParts<GuestLevels>>(configuration, processor);
    case Technique::shadow:
        return make<ShadowParts<GuestLevels, EptLevels>>(configuration, processor);
    case Technique::nested: break;
    }
    return make<NestedParts<GuestLevels, EptLevels>>(configuration, processor);
}

/// The bits above those that tables translate must repeat the topmost of these.
void require_canonical(std::span<TraceAccess const> accesses, unsigned levels) {
    unsigned const bits = 12 + 9 * levels;
    auto const canonical = [unused = 64 - bits](TraceAccess const& one) {
        auto const shifted = static_cast<std::int64_t>(one.gva.value() << unused);
        return static_cast<std::uint64_t>(shifted >> unused) == one.gva.value();
    };
    auto const wrong = std::ranges::find_if_not(accesses, canonical);
    if (wrong != accesses.end())
        throw Failure{fmt::format("an access to {:#x}, which is no address: tables of {} levels "
                                  "translate {} bits, and the others repeat the topmost of these",
                                  wrong->gva.value(), levels, bits)};
}

/// The work that threads share.
class Queue {
  public:
    Queue(std::span<Configuration const> configurations, ProcessorShape const& processor,
          OpenSource const& open, bool read_ahead)
        : configurations_(configurations), processor_(processor), open_(open),
          read_ahead_(read_ahead), results_(configurations.size()) {}

    void work() {
        try {
            for (std::size_t at; (at = next_++) < configurations_.size();)
                results_[at] = simulate_one(configurations_[at]);
        } catch (...) {
            fail(std::current_exception());
        }
        std::lock_guard const lock{mutex_};
        ++workers_done_;
        done_.notify_all();
    }
    void fail(std::exception_ptr const& why) {
        std::lock_guard const lock{mutex_};
        if (!failure_) failure_ = why;
        stop_ = true;
    }
    /// Calls `meanwhile` until `workers` workers are done.
    void wait(unsigned workers, std::function<void(std::uint64_t)> const& meanwhile) {
        std::unique_lock lock{mutex_};
        while (!done_.wait_for(lock, std::chrono::milliseconds{100},
                               [&] { return workers_done_ == workers; })) {
            lock.unlock();
            try {
                if (!stop_) meanwhile(accesses_);
            } catch (...) {
                fail(std::current_exception());
            }
            lock.lock();
        }
    }
    std::vector<SimulationResult> results() {
        if (failure_) std::rethrow_exception(failure_);
        return std::move(results_);
    }

  private:
    SimulationResult simulate_one(Configuration const& configuration) {
        auto const simulation = make_simulation(configuration, processor_);
        auto source = open_();
        if (read_ahead_) source = std::make_unique<ReadAhead>(std::move(source));
        std::vector<TraceAccess> batch(4096);
        while (!stop_) {
            auto const count = source->next(batch);
            if (count == 0) break;
            auto const accesses = std::span{batch}.first(count);
            require_canonical(accesses, configuration.guest_levels);
            simulation->run(accesses);
            accesses_ += count;
        }
        auto const result = simulation->result();
        if (result.accesses == 0 && !stop_) throw Failure{"there are no accesses to simulate"};
        return result;
    }

    std::span<Configuration const> configurations_;
    ProcessorShape const& processor_;
    OpenSource const& open_;
    bool read_ahead_;
    std::vector<SimulationResult> results_;
    std::atomic<std::size_t> next_{0};
    std::atomic<std::uint64_t> accesses_{0};
    std::atomic<bool> stop_{false};
    std::mutex mutex_;
    std::condition_variable done_;
    unsigned workers_done_ = 0;
    std::exception_ptr failure_;
};

char const* technique_name(Technique technique) {
    switch (technique) {
    case Technique::native: return "native";
    case Technique::shadow: return "shadow";
    case Technique::nested: return "nested";
    }
    return "?";
}

char const* short_name(PageSize size) {
    return size == page_4k ? "4K" : size == page_2m ? "2M" : "1G";
}

} // namespace

void fail_unmapped(NestedFault const& fault, Gva gva) {
    std::string what =
        fmt::format("its {} is not present or not sound", level_name(fault.dimension, fault.level));
    if (fault.reason == WalkFaultReason::denied || fault.reason == WalkFaultReason::unreadable)
        what = "an entry forbids it";
    throw Failure{fmt::format("an access to {:#x} meets no page of the recorded tables: {}",
                              gva.value(), what)};
}

std::string describe(Configuration const& configuration) {
    if (configuration.recorded)
        return fmt::format("{}, recorded", technique_name(configuration.technique));
    if (configuration.technique == Technique::native)
        return fmt::format("native {}", short_name(configuration.guest_page));
    return fmt::format("{} {}/{}", technique_name(configuration.technique),
                       short_name(configuration.guest_page), short_name(configuration.host_page));
}

std::unique_ptr<Simulation> make_simulation(Configuration const& configuration,
                                            ProcessorShape const& processor) {
    switch (configuration.guest_levels * 10 + configuration.ept_levels) {
    case 44: return make_of_levels<4, 4>(configuration, processor);
    case 45: return make_of_levels<4, 5>(configuration, processor);
    case 54: return make_of_levels<5, 4>(configuration, processor);
    case 55: return make_of_levels<5, 5>(configuration, processor);
    default:
        throw UsageError{fmt::format("page tables have 4 or 5 levels, not {} and {}",
                                     configuration.guest_levels, configuration.ept_levels)};
    }
}

std::vector<SimulationResult> simulate_all(std::span<Configuration const> configurations,
                                           ProcessorShape const& processor, OpenSource const& open,
                                           unsigned threads,
                                           std::function<void(std::uint64_t)> const& meanwhile) {
    // What has processors to spare reads its streams on them.
    Queue queue{configurations, processor, open, threads > configurations.size()};
    auto const most = static_cast<unsigned>(configurations.size());
    unsigned const workers = std::clamp(threads, 1U, std::max(most, 1U));
    {
        std::vector<std::jthread> pool;
        for (unsigned at = 0; at < workers; ++at)
            pool.emplace_back([&queue] { queue.work(); });
        queue.wait(workers, meanwhile);
    }
    return queue.results();
}

} // namespace twofold::vmm
