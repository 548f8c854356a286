// Guests that live by random steps, each of them an operation of the memory manager.
#pragma once

#include "catch.hpp"
#include "support/modelled_spaces.hpp"

#include <twofold/memory/merger.hpp>
#include <twofold/memory/promoter.hpp>
#include <twofold/memory/reclaimer.hpp>
#include <twofold/memory/scenario.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

namespace twofold::test {

inline constexpr auto every_step = std::to_array<StepWeight>({
    {ScenarioStep::clone, 1},
    {ScenarioStep::drop, 1},
    {ScenarioStep::split, 1},
    {ScenarioStep::promote, 1},
    {ScenarioStep::merge, 1},
    {ScenarioStep::fill_and_promote, 1},
    {ScenarioStep::swap_out, 1},
    {ScenarioStep::reclaim, 1},
    {ScenarioStep::release, 1},
    {ScenarioStep::log, 1},
    {ScenarioStep::working_set, 1},
    {ScenarioStep::host_write, 1},
    {ScenarioStep::store, 4},
    {ScenarioStep::execute, 1},
    {ScenarioStep::read, 3},
});

/// What guests are made of, and how many frames there are for all of them.
struct LifeKind {
    PageSize leaf;
    bool accessed_dirty;
    ExecutablePages executable;
    std::uint64_t frames;
};

/// Guests' lives beside arrays of bytes. Every operation of the memory manager is among the steps.
class RandomLives {
  public:
    RandomLives(LifeKind const& kind, std::uint64_t seed)
        : kind_(kind), scenario_(every_step, pages.size(), seed),
          guests_(kind.frames, 64, hypervisor_end.value() >> 12) {
        guests_.world.mmu.accessed_dirty = kind.accessed_dirty;
        auto options = guests_.world.options(8 * gib, kind.leaf);
        options.executable = kind.executable;
        auto made =
            TestSpace::create(guests_.world.pool, guests_.world.memory, EptFormat<4>{}, options);
        REQUIRE(made);
        guests_.add(std::move(*made), {});
        reclaimer_.split_large_pages(guests_.world.pool);
    }

    void step() {
        auto const [step, page, choice] = scenario_.next();
        std::size_t const who = guests_.any(random_);
        Gpa const gpa{pages[page] + choice % 4096};
        TestSpace& space = *guests_.spaces[who];
        ++steps_;
        switch (step) {
            using enum ScenarioStep;
        case clone: return make_clone(who);
        case drop: return end_one(who);
        case split: watch([&] { return space.split(gpa).has_value(); }, true); break;
        case promote: return promote_some(space, gpa);
        case fill_and_promote: return fill_first_table(who);
        case merge: watch([&] { return merger_.step(64, ignore_duty).merged > 0; }); break;
        case swap_out: watch([&] { return space.swap_out(gpa).has_value(); }); break;
        case reclaim: watch([&] { return reclaimer_.make_room(2, ignore_duty) > 0; }); break;
        case release: return give_back(who, page);
        case log: return log_step(who);
        case working_set: (void)space.working_set(); break;
        case host_write: return write_by_host(who, page);
        case store:
        case fill: return write(who, page, gpa);
        case execute: return check_read(who, page, Access::execute);
        case read:
        case verify: return check_read(who, page, Access::read);
        }
    }

    void require_laws() {
        require_space_laws(guests_.spaces, guests_.world.pool, guests_.world.zero_frame,
                           &guests_.world.swap.area, reclaimer_.reserve().size());
        if (SpaceCensus<TestSpace>{guests_.spaces}.reaches_below(hypervisor_end))
            FAIL("a hypervisor's frame is reachable");
        guests_.check_contents(steps_, false);
        guests_.world.memory.forget_stores();
    }
    void end() {
        guests_.spaces.clear();
        reclaimer_.end();
        CHECK(guests_.world.pool.frames_used() == 1);
        CHECK(guests_.world.swap.area.slots_used() == 0);
        CHECK(refused_ < steps_ / 4);
    }
    [[nodiscard]] std::uint64_t watched() const { return watched_; }
    /// Large pages that left in parts, and those that the background made.
    [[nodiscard]] std::uint64_t split_for_room() const { return reclaimer_.pages_split(); }
    [[nodiscard]] std::uint64_t promoted() const { return promoted_; }

  private:
    static constexpr auto const& pages = ModelledSpaces::pages;
    static constexpr auto ignore_duty = [](TestSpace&, Duty) {};
    static constexpr std::size_t most_spaces = 6;
    /// Below lies what the pool never had: the hypervisor's own.
    static constexpr Hpa hypervisor_end{64 << 12};

    void make_clone(std::size_t who) {
        if (guests_.living() == most_spaces) return;
        auto cloned = guests_.spaces[who]->clone();
        if (!cloned) return count_refusal(cloned.error());
        guests_.add(std::move(cloned->space), ModelledSpaces::Bytes{guests_.models[who]});
    }
    /// This page's, or what the background comes to next.
    void promote_some(TestSpace& space, Gpa gpa) {
        if (random_() % 2 == 0) {
            watch([&] { return space.promote(gpa, page_2m).has_value(); }, true);
            return;
        }
        watch(
            [&] {
                auto const done = promoter_.step(8, ignore_duty).promoted;
                promoted_ += done;
                return done > 0;
            },
            true);
    }
    void end_one(std::size_t who) {
        if (guests_.living() == 1 || random_() % 2 == 0) return;
        if (logged_ == who) logged_.reset();
        guests_.spaces[who].reset();
    }
    void write(std::size_t who, std::size_t page, Gpa gpa) {
        // The byte at the page's start is the model's; another makes pages differ.
        bool const first = gpa.offset_in(2) == 0;
        auto const value = static_cast<std::uint8_t>(random_() % 4);
        Gpa const at{pages[page] + (first ? 0 : 8)};
        if (!watch([&] {
                return guests_.world.mmu.access(*guests_.spaces[who], {at, Access::write})
                    .has_value();
            }))
            return count_refusal(SpaceError::out_of_frames);
        REQUIRE(guests_.world.mmu.write(*guests_.spaces[who], at, value));
        if (first) guests_.models[who][page] = value;
        mark(who, page);
    }
    void write_by_host(std::size_t who, std::size_t page) {
        std::byte const value{static_cast<std::uint8_t>(random_() % 4)};
        auto const done = guests_.spaces[who]->write(Gpa{pages[page]}, {&value, 1});
        if (!done) return count_refusal(done.error());
        guests_.models[who][page] = std::to_integer<std::uint8_t>(value);
        mark(who, page);
    }
    void check_read(std::size_t who, std::size_t page, Access access) {
        std::optional<std::uint8_t> got;
        watch([&] {
            auto const read =
                guests_.world.mmu.read(*guests_.spaces[who], Gpa{pages[page]}, access);
            if (read) got = *read;
            return read.has_value();
        });
        if (!got) return count_refusal(SpaceError::out_of_frames);
        if (*got != guests_.models[who][page])
            FAIL("step " << steps_ << ": space " << who << " reads " << int{*got} << " on page "
                         << page << " instead of " << int{guests_.models[who][page]});
    }
    void give_back(std::size_t who, std::size_t page) {
        std::array<bool, pages.size()> had{};
        for (std::size_t at = 0; at < pages.size(); ++at)
            had[at] = guests_.has_contents(who, at);
        std::uint64_t const from = pages[page];
        std::uint64_t const bytes = random_() % 4 == 0 ? 2 * mib : 4096;
        auto const done = guests_.spaces[who]->release(Gpa{from}, bytes);
        if (done.error) count_refusal(*done.error);
        for (std::size_t at = 0; at < pages.size(); ++at) {
            bool const inside = pages[at] >= from && pages[at] < from + bytes;
            if (!inside || !had[at] || (done.error && guests_.has_contents(who, at))) continue;
            guests_.models[who][at] = 0;
            mark(who, at);
        }
    }
    /// Makes promotion of the first 2 MiB possible, now and then.
    void fill_first_table(std::size_t who) {
        if (random_() % 16 != 0) return;
        TestSpace& space = *guests_.spaces[who];
        for (std::uint64_t gpa = 0; gpa < 2 * mib; gpa += 4096) {
            if (!guests_.world.mmu.access(space, {Gpa{gpa}, Access::write}))
                return count_refusal(SpaceError::out_of_frames);
            auto const page = std::ranges::find(pages, gpa);
            if (page != pages.end()) mark(who, static_cast<std::size_t>(page - pages.begin()));
        }
        if (random_() % 2 == 0)
            watch([&] { return space.promote(Gpa{0}, page_2m).has_value(); }, true);
    }

    /// One space at a time keeps a dirty log: by which means is drawn.
    void log_step(std::size_t who) {
        if (!logged_) {
            auto const means = !kind_.accessed_dirty || random_() % 2 == 0
                                   ? DirtyMeans::write_protection
                                   : DirtyMeans::dirty_bits;
            auto const started = guests_.spaces[who]->start_logging(log_, means);
            if (!started) return count_refusal(started.error());
            logged_ = who;
            marked_.fill(false);
            return;
        }
        TestSpace& space = *guests_.spaces[*logged_];
        std::array<bool, pages.size()> found{};
        (void)space.collect_dirty([&](Gpa gpa) {
            auto const page = std::ranges::find(pages, gpa.value());
            if (page != pages.end()) found[static_cast<std::size_t>(page - pages.begin())] = true;
        });
        if (found != marked_) FAIL("step " << steps_ << ": the dirty log is not what was written");
        marked_.fill(false);
        if (random_() % 4 != 0) return;
        space.stop_logging();
        logged_.reset();
    }
    void mark(std::size_t who, std::size_t page) {
        if (logged_ == who) marked_[page] = true;
    }

    /// Does what changes no contents, and now and then looks at it store by store.
    template <class Operation>
    bool watch(Operation&& operation, bool stays_mapped = false) {
        if (random_() % 16 != 0) return operation();
        ++watched_;
        guests_.world.memory.forget_stores();
        std::vector<bool> const mapped = guests_.mapped_pages();
        bool const done = operation();
        std::size_t const stores = guests_.world.memory.stores().size();
        std::size_t const stride = std::max<std::size_t>(1, stores / 12);
        for (std::size_t seen = stores; seen > 0;) {
            seen -= std::min(seen, seen + 3 > stores ? 1 : stride);
            guests_.world.memory.rewind_to(seen);
            guests_.check_contents(steps_, true);
            if (stays_mapped && guests_.mapped_pages() != mapped)
                FAIL("step " << steps_ << ": a page is not mapped for a moment");
            guests_.world.memory.replay_from(seen);
        }
        return done;
    }
    void count_refusal(SpaceError error) {
        REQUIRE(error == SpaceError::out_of_frames);
        ++refused_;
        // As a hypervisor would: make room, and go on.
        if (reclaimer_.make_room(64, ignore_duty) > 0) return;
        for (std::size_t who = 0; who < guests_.spaces.size() && guests_.living() > 1; ++who) {
            if (guests_.spaces[who] && logged_ != who) guests_.spaces[who].reset();
        }
    }

    LifeKind kind_;
    Scenario scenario_;
    RandomNumbers& random_ = scenario_.random();
    ModelledSpaces guests_;
    std::vector<MergeCandidate> candidates_{256};
    std::vector<MergeIndex::bucket_type> buckets_{64};
    Merger<TestSpace> merger_{guests_.world.registry, candidates_, buckets_};
    Reclaimer<TestSpace> reclaimer_{guests_.world.registry};
    Promoter<TestSpace> promoter_{guests_.world.registry};
    std::vector<std::uint64_t> log_words_ =
        std::vector<std::uint64_t>(DirtyLog::words_for(8 * gib));
    DirtyLog log_{log_words_};
    std::optional<std::size_t> logged_;
    std::array<bool, pages.size()> marked_{};
    std::uint64_t steps_ = 0;
    std::uint64_t refused_ = 0;
    std::uint64_t watched_ = 0;
    std::uint64_t promoted_ = 0;
};

} // namespace twofold::test
