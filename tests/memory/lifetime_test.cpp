#include "catch.hpp"
#include "support/space_world.hpp"

#include <twofold/memory/merger.hpp>
#include <twofold/memory/promoter.hpp>
#include <twofold/memory/reclaimer.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <random>
#include <vector>

namespace lifetime_test {

using namespace twofold;
using namespace twofold::test;

namespace {

constexpr auto ignore_duty = [](TestSpace&, Duty) {};

/// Pages that lie near and far from each other.
constexpr std::array<std::uint64_t, 14> pages{
    0,        0x1000,     0x2000, 0x5000,    mib,     2 * mib - 4096, 2 * mib, 2 * mib + 4096,
    16 * mib, gib - 4096, gib,    gib + mib, 3 * gib, 6 * gib};
constexpr std::size_t most_spaces = 6;
/// Below lies what the pool never had: the hypervisor's own.
constexpr Hpa hypervisor_end{64 << 12};

struct Kind {
    PageSize leaf;
    bool accessed_dirty;
    ExecutablePages executable;
    std::uint64_t frames;
};

struct PlainModel {
    std::array<std::uint8_t, pages.size()> bytes{};
};

/// Guests' lives beside arrays of bytes. Every operation of the memory manager is among the steps.
class Lives {
  public:
    Lives(Kind const& kind, std::uint32_t seed)
        : kind_(kind), random_(seed), world_(kind.frames, 64, hypervisor_end.value() >> 12) {
        world_.mmu.accessed_dirty = kind.accessed_dirty;
        auto options = world_.options(8 * gib, kind.leaf);
        options.executable = kind.executable;
        auto made = TestSpace::create(world_.pool, world_.memory, EptFormat<4>{}, options);
        REQUIRE(made);
        add(std::move(*made), {});
    }

    void step() {
        std::size_t const who = any();
        std::size_t const page = random_() % pages.size();
        Gpa const gpa{pages[page] + random_() % 4096};
        TestSpace& space = *spaces_[who];
        ++steps_;
        switch (random_() % 20) {
        case 0: clone(who); break;
        case 1: drop(who); break;
        case 2: watch([&] { return space.split(gpa).has_value(); }, true); break;
        case 3: watch([&] { return space.promote(gpa, page_2m).has_value(); }, true); break;
        case 4: fill_and_promote(who); break;
        case 5: watch([&] { return merger_.step(64, ignore_duty).merged > 0; }); break;
        case 6: watch([&] { return space.swap_out(gpa).has_value(); }); break;
        case 7: watch([&] { return reclaimer_.make_room(2, ignore_duty) > 0; }); break;
        case 8: release(who, page); break;
        case 9: log_step(who); break;
        case 10: (void)space.working_set(); break;
        case 11: host_write(who, page); break;
        case 12:
        case 13:
        case 14:
        case 15: write(who, page, gpa); break;
        case 16: check_read(who, page, Access::execute); break;
        default: check_read(who, page, Access::read);
        }
    }

    void require_laws() {
        require_space_laws(spaces_, world_.pool, world_.zero_frame, &world_.swap.area);
        if (SpaceCensus<TestSpace>{spaces_}.reaches_below(hypervisor_end))
            FAIL("a hypervisor's frame is reachable");
        check_contents(false);
        world_.memory.forget_stores();
    }
    void end() {
        spaces_.clear();
        CHECK(world_.pool.frames_used() == 1);
        CHECK(world_.swap.area.slots_used() == 0);
        CHECK(refused_ < steps_ / 4);
    }
    [[nodiscard]] std::uint64_t watched() const { return watched_; }

  private:
    void add(TestSpace&& made, PlainModel const& model) {
        std::size_t at = 0;
        while (at < spaces_.size() && spaces_[at])
            ++at;
        if (at == spaces_.size()) {
            spaces_.emplace_back();
            models_.emplace_back();
        }
        world_.registry.add(spaces_[at].emplace(std::move(made)));
        models_[at] = model;
    }
    std::size_t any() {
        std::size_t const start = random_() % spaces_.size();
        for (std::size_t i = 0; i < spaces_.size(); ++i) {
            if (spaces_[(start + i) % spaces_.size()]) return (start + i) % spaces_.size();
        }
        FAIL("no space is left");
        return 0;
    }
    std::size_t living() const {
        return static_cast<std::size_t>(
            std::ranges::count_if(spaces_, [](auto const& space) { return space.has_value(); }));
    }

    void clone(std::size_t who) {
        if (living() == most_spaces) return;
        auto cloned = spaces_[who]->clone();
        if (!cloned) return count_refusal(cloned.error());
        add(std::move(cloned->space), PlainModel{models_[who]});
    }
    void drop(std::size_t who) {
        if (living() == 1 || random_() % 2 == 0) return;
        if (logged_ == who) logged_.reset();
        spaces_[who].reset();
    }
    void write(std::size_t who, std::size_t page, Gpa gpa) {
        // The byte at the page's start is the model's; another makes pages differ.
        bool const first = gpa.offset_in(2) == 0;
        auto const value = static_cast<std::uint8_t>(random_() % 4);
        Gpa const at{pages[page] + (first ? 0 : 8)};
        if (!watch([&] {
                return world_.mmu.access(*spaces_[who], {at, Access::write}).has_value();
            }))
            return count_refusal(SpaceError::out_of_frames);
        REQUIRE(world_.mmu.write(*spaces_[who], at, value));
        if (first) models_[who].bytes[page] = value;
        mark(who, page);
    }
    void host_write(std::size_t who, std::size_t page) {
        std::byte const value{static_cast<std::uint8_t>(random_() % 4)};
        auto const done = spaces_[who]->write(Gpa{pages[page]}, {&value, 1});
        if (!done) return count_refusal(done.error());
        models_[who].bytes[page] = std::to_integer<std::uint8_t>(value);
        mark(who, page);
    }
    void check_read(std::size_t who, std::size_t page, Access access) {
        std::optional<std::uint8_t> got;
        watch([&] {
            auto const read = world_.mmu.read(*spaces_[who], Gpa{pages[page]}, access);
            if (read) got = *read;
            return read.has_value();
        });
        if (!got) return count_refusal(SpaceError::out_of_frames);
        if (*got != models_[who].bytes[page])
            FAIL("step " << steps_ << ": space " << who << " reads " << int{*got} << " on page "
                         << page << " instead of " << int{models_[who].bytes[page]});
    }
    void release(std::size_t who, std::size_t page) {
        std::array<bool, pages.size()> had{};
        for (std::size_t at = 0; at < pages.size(); ++at)
            had[at] = has_contents(who, at);
        std::uint64_t const from = pages[page];
        std::uint64_t const bytes = random_() % 4 == 0 ? 2 * mib : 4096;
        auto const done = spaces_[who]->release(Gpa{from}, bytes);
        if (done.error) count_refusal(*done.error);
        for (std::size_t at = 0; at < pages.size(); ++at) {
            bool const inside = pages[at] >= from && pages[at] < from + bytes;
            if (!inside || !had[at] || (done.error && has_contents(who, at))) continue;
            models_[who].bytes[at] = 0;
            mark(who, at);
        }
    }
    /// Makes promotion of the first 2 MiB possible, now and then.
    void fill_and_promote(std::size_t who) {
        if (random_() % 16 != 0) return;
        TestSpace& space = *spaces_[who];
        for (std::uint64_t gpa = 0; gpa < 2 * mib; gpa += 4096) {
            if (!world_.mmu.access(space, {Gpa{gpa}, Access::write}))
                return count_refusal(SpaceError::out_of_frames);
            auto const page = std::ranges::find(pages, gpa);
            if (page != pages.end()) mark(who, static_cast<std::size_t>(page - pages.begin()));
        }
        watch([&] { return space.promote(Gpa{0}, page_2m).has_value(); }, true);
    }

    /// One space at a time keeps a dirty log: by which means is drawn.
    void log_step(std::size_t who) {
        if (!logged_) {
            auto const means = !kind_.accessed_dirty || random_() % 2 == 0
                                   ? DirtyMeans::write_protection
                                   : DirtyMeans::dirty_bits;
            auto const started = spaces_[who]->start_logging(log_, means);
            if (!started) return count_refusal(started.error());
            logged_ = who;
            marked_.fill(false);
            return;
        }
        TestSpace& space = *spaces_[*logged_];
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
        world_.memory.forget_stores();
        std::vector<bool> const mapped = mapped_pages();
        bool const done = operation();
        std::size_t const stores = world_.memory.stores().size();
        std::size_t const stride = std::max<std::size_t>(1, stores / 12);
        for (std::size_t seen = stores; seen > 0;) {
            seen -= std::min(seen, seen + 3 > stores ? 1 : stride);
            world_.memory.rewind_to(seen);
            check_contents(true);
            if (stays_mapped && mapped_pages() != mapped)
                FAIL("step " << steps_ << ": a page is not mapped for a moment");
            world_.memory.replay_from(seen);
        }
        return done;
    }
    std::vector<bool> mapped_pages() {
        std::vector<bool> mapped;
        for (auto& space : spaces_) {
            for (std::uint64_t const gpa : pages)
                mapped.push_back(space && space->translate(Gpa{gpa}));
        }
        return mapped;
    }
    bool has_contents(std::size_t who, std::size_t page) {
        auto const slot =
            find_slot(EptFormat<4>{}, spaces_[who]->root(), Gpa{pages[page]}, 1, world_.memory);
        REQUIRE(slot);
        bool const zeros = slot->entry.present() && slot->level == 1 &&
                           Hpa{slot->entry.frame(page_4k)} == *world_.zero_frame;
        return slot->entry.word() != 0 && !zeros;
    }
    std::uint8_t peek(std::size_t who, std::size_t page) {
        auto const slot =
            find_slot(EptFormat<4>{}, spaces_[who]->root(), Gpa{pages[page]}, 1, world_.memory);
        if (!slot) return 0xff;
        if (SwappedEntry::is(slot->entry.word()))
            return world_.swap.device.first_byte(SwappedEntry::slot(slot->entry.word()));
        return world_.peek(*spaces_[who], pages[page]);
    }
    void check_contents(bool midway) {
        for (std::size_t who = 0; who < spaces_.size(); ++who) {
            for (std::size_t page = 0; spaces_[who] && page < pages.size(); ++page) {
                auto const there = peek(who, page);
                if (there != models_[who].bytes[page])
                    FAIL("step " << steps_ << (midway ? ", midway" : "") << ": space " << who
                                 << ", page " << page << " holds " << int{there});
            }
        }
    }
    void count_refusal(SpaceError error) {
        REQUIRE(error == SpaceError::out_of_frames);
        ++refused_;
        // As a hypervisor would: make room, and go on.
        if (reclaimer_.make_room(64, ignore_duty) > 0) return;
        for (std::size_t who = 0; who < spaces_.size() && living() > 1; ++who) {
            if (spaces_[who] && logged_ != who) spaces_[who].reset();
        }
    }

    Kind kind_;
    std::mt19937 random_;
    SpaceWorld world_;
    std::vector<std::optional<TestSpace>> spaces_;
    std::vector<PlainModel> models_;
    std::vector<MergeCandidate> candidates_{256};
    std::vector<MergeIndex::bucket_type> buckets_{64};
    Merger<TestSpace> merger_{world_.registry, candidates_, buckets_};
    Reclaimer<TestSpace> reclaimer_{world_.registry};
    std::vector<std::uint64_t> log_words_ =
        std::vector<std::uint64_t>(DirtyLog::words_for(8 * gib));
    DirtyLog log_{log_words_};
    std::optional<std::size_t> logged_;
    std::array<bool, pages.size()> marked_{};
    std::uint64_t steps_ = 0;
    std::uint64_t refused_ = 0;
    std::uint64_t watched_ = 0;
};

/// TWOFOLD_LONG_TESTS: how many seeds each kind of guest lives through, 1 if it is not set.
std::uint32_t seeds() {
    char const* const wanted = std::getenv("TWOFOLD_LONG_TESTS");
    return wanted == nullptr ? 1 : static_cast<std::uint32_t>(std::max(1, std::atoi(wanted)));
}

void live(Kind const& kind) {
    for (std::uint32_t seed = 1; seed <= seeds(); ++seed) {
        CAPTURE(seed);
        Lives lives{kind, seed};
        for (int step = 0; step < 100'000; ++step) {
            lives.step();
            if (step % 500 == 499) lives.require_laws();
        }
        CHECK(lives.watched() > 1000);
        lives.require_laws();
        lives.end();
    }
}

} // namespace

TEST_CASE("100,000 steps of every operation: small pages") {
    live({page_4k, false, ExecutablePages::any_size, 4096});
}

TEST_CASE("100,000 steps of every operation: large pages, accessed and dirty bits, small "
          "executable pages only, few frames") {
    live({page_2m, true, ExecutablePages::small_only, 16384});
}

} // namespace lifetime_test
