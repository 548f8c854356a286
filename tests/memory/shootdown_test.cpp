#include "catch.hpp"
#include "support/caching_processor.hpp"
#include "support/space_world.hpp"

#include <twofold/memory/merger.hpp>

#include <array>
#include <memory>
#include <random>
#include <vector>

namespace shootdown_test {

using namespace twofold;
using namespace twofold::test;

namespace {

std::uint32_t collect(Shootdown& shootdown, FramePool& pool) {
    return shootdown.collect(
        [&](Shootdown::Retired const& retired) { pool.release(retired.frame, retired.level); });
}

} // namespace

TEST_CASE("a reference that was retired counts until every processor that runs the space has "
          "acknowledged") {
    SpaceWorld w{64};
    Shootdown shootdown{3};
    Hpa const frame = *w.pool.allocate();
    std::uint64_t const used = w.pool.frames_used();
    CHECK_FALSE(shootdown.enter(0));
    CHECK_FALSE(shootdown.enter(1));
    shootdown.retire(frame, 1, false);
    CHECK(collect(shootdown, w.pool) == 0); // not even posted
    auto const generation = shootdown.post();
    CHECK(shootdown.must_invalidate(0));
    CHECK(collect(shootdown, w.pool) == 0);
    shootdown.acknowledge(0, generation);
    CHECK_FALSE(shootdown.must_invalidate(0));
    CHECK(collect(shootdown, w.pool) == 0);
    CHECK(w.pool.references(frame) == 1);
    shootdown.acknowledge(1, generation);
    CHECK(shootdown.complete(generation));
    CHECK(collect(shootdown, w.pool) == 1);
    CHECK(w.pool.frames_used() == used - 1);
}

TEST_CASE("a processor that does not run the space is not waited for, and invalidates before it "
          "enters") {
    SpaceWorld w{64};
    Shootdown shootdown{2};
    CHECK_FALSE(shootdown.enter(0));
    shootdown.leave(0);
    shootdown.retire(*w.pool.allocate(), 1, false);
    auto const generation = shootdown.post();
    CHECK(collect(shootdown, w.pool) == 1);
    CHECK(shootdown.enter(0));
    CHECK_FALSE(shootdown.complete(generation));
    shootdown.acknowledge(0, generation);
    CHECK(shootdown.complete(generation));
    CHECK(shootdown.enter(1));
}

TEST_CASE("an acknowledgement of an older generation does not cover a newer one") {
    SpaceWorld w{64};
    Shootdown shootdown{1};
    (void)shootdown.enter(0);
    shootdown.retire(*w.pool.allocate(), 1, false);
    auto const first = shootdown.post();
    shootdown.retire(*w.pool.allocate(), 1, false);
    auto const second = shootdown.post();
    shootdown.acknowledge(0, first);
    CHECK(shootdown.must_invalidate(0));
    CHECK(collect(shootdown, w.pool) == 1);
    shootdown.acknowledge(0, second);
    CHECK(collect(shootdown, w.pool) == 1);
}

TEST_CASE("when too much waits, a space asks for patience and changes nothing") {
    SpaceWorld w;
    Shootdown shootdown{1};
    auto options = w.options(2 * mib);
    options.shootdown = &shootdown;
    auto& space = w.space(options);
    (void)shootdown.enter(0);
    w.put(space, 0x1000, 1);
    w.clone(space);
    std::vector<Hpa> waiting;
    while (shootdown.room() > 4) {
        waiting.push_back(*w.pool.allocate());
        shootdown.retire(waiting.back(), 1, false);
    }
    w.memory.forget_stores();
    CHECK(w.mmu.write(space, Gpa{0x1000}, 2).error() == SpaceError::shootdown_pending);
    CHECK(space.promote(Gpa{0}, page_2m).error() == PromoteRefusal::shootdown_pending);
    CHECK(space.release(Gpa{0x1000}, 4096).error == SpaceError::shootdown_pending);
    CHECK(w.memory.stores().empty());
    shootdown.acknowledge(0, shootdown.post());
    CHECK(collect(shootdown, w.pool) == waiting.size());
    w.put(space, 0x1000, 2);
}

namespace {

enum class Conduct {
    /// Duties are posted, each processor invalidates and acknowledges when it comes to it, and
    /// frames wait for that.
    proper,
    /// Nobody invalidates.
    duty_dropped,
};

/// Processors with caches that run spaces, beside a plain model of what each space has written.
/// Operations for which the guests must not run take every processor out of them first.
class Machine {
  public:
    static constexpr unsigned processor_count = 3;
    static constexpr std::size_t most_spaces = 4;
    static constexpr std::uint64_t pages = 8;

    Machine(Conduct conduct, std::uint32_t seed) : conduct_(conduct), random_(seed) {
        for (unsigned i = 0; i < processor_count; ++i)
            processors_.emplace_back(world_.memory);
        add({});
    }

    void step() {
        switch (random_() % 24) {
        case 0: clone(); break;
        case 1: drop(); break;
        case 2: move_processor(); break;
        case 3:
            scan([&](Space& s, Gpa gpa) { return s.space->swap_out(gpa).value_or(Duty{}); });
            break;
        case 4:
            scan([&](Space& s, Gpa gpa) {
                s.written[gpa.value() >> 12] = 0;
                return s.space->release(gpa, 4096).duty;
            });
            break;
        case 5: merge(); break;
        default: access(below(processor_count));
        }
    }
    [[nodiscard]] std::uint64_t stale() const { return stale_; }
    [[nodiscard]] std::uint64_t frames_left() {
        for (unsigned i = 0; i < processor_count; ++i)
            stop(i);
        spaces_.clear();
        return world_.pool.frames_used();
    }

  private:
    struct Space {
        std::unique_ptr<Shootdown> shootdown;
        std::unique_ptr<TestSpace> space;
        std::array<std::uint8_t, pages> written{};
    };

    void add(std::array<std::uint8_t, pages> const& written, TestSpace* parent = nullptr) {
        auto shootdown = std::make_unique<Shootdown>(processor_count);
        Shootdown* const used = shootdown.get();
        std::unique_ptr<TestSpace> space;
        if (parent != nullptr) {
            auto cloned = parent->clone(used);
            REQUIRE(cloned);
            perform(*find(parent), cloned->duty);
            space = std::make_unique<TestSpace>(std::move(cloned->space));
        } else {
            auto options = world_.options(2 * mib);
            options.shootdown = used;
            auto made = TestSpace::create(world_.pool, world_.memory, EptFormat<4>{}, options);
            REQUIRE(made);
            space = std::make_unique<TestSpace>(std::move(*made));
        }
        // A root that was another's: INVEPT of all contexts, as for every space that ends.
        for (auto& processor : processors_)
            processor.invalidate(space->root());
        world_.registry.add(*space);
        spaces_.push_back(std::make_unique<Space>(std::move(shootdown), std::move(space), written));
    }
    Space* find(TestSpace const* space) {
        for (auto& one : spaces_) {
            if (one->space.get() == space) return one.get();
        }
        return nullptr;
    }
    unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }
    Space& any() { return *spaces_[random_() % spaces_.size()]; }

    void clone() {
        if (spaces_.size() == most_spaces) return;
        Space& parent = any();
        stop_all(parent);
        auto const written = parent.written;
        add(written, parent.space.get());
    }
    void drop() {
        if (spaces_.size() == 1) return;
        std::size_t const which = random_() % spaces_.size();
        stop_all(*spaces_[which]);
        spaces_.erase(spaces_.begin() + static_cast<std::ptrdiff_t>(which));
    }
    void stop(unsigned number) {
        if (runs_[number] != nullptr) runs_[number]->shootdown->leave(number);
        runs_[number] = nullptr;
    }
    void stop_all(Space const& space) {
        for (unsigned i = 0; i < processor_count; ++i) {
            if (runs_[i] == &space) stop(i);
        }
    }
    void move_processor() {
        unsigned const number = below(processor_count);
        stop(number);
        runs_[number] = &any();
        if (runs_[number]->shootdown->enter(number)) come_to_it(number);
    }
    /// A processor takes the interrupt that follows post().
    void come_to_it(unsigned number) {
        Space& space = *runs_[number];
        auto const generation = space.shootdown->posted();
        if (conduct_ != Conduct::duty_dropped) processors_[number].invalidate(space.space->root());
        space.shootdown->acknowledge(number, generation);
        space.space->collect_retired();
    }

    void perform(Space& space, Duty duty, unsigned asking = processor_count) {
        if (!duty.must_invalidate()) return;
        space.shootdown->post();
        // The others run on until the interrupt reaches them; who asked waits for them.
        for (int i = 0; i < 8; ++i) {
            unsigned const other = below(processor_count);
            if (other != asking && depth_ < 2) access(other);
        }
        for (unsigned i = 0; i < processor_count; ++i) {
            if (runs_[i] == &space && space.shootdown->must_invalidate(i)) come_to_it(i);
        }
        space.space->collect_retired();
    }

    void access(unsigned number) {
        if (runs_[number] == nullptr) return;
        Space& space = *runs_[number];
        ++depth_;
        std::uint64_t const page = random_() % pages;
        bool const writes = random_() % 2 == 0;
        Gpa const gpa{page << 12};
        if (auto const hpa = reach(number, gpa, writes ? Access::write : Access::read)) {
            if (writes) {
                space.written[page] = static_cast<std::uint8_t>(random_());
                world_.memory.put(hpa->value(), space.written[page]);
            } else if (world_.memory.get<std::uint8_t>(hpa->value()) != space.written[page]) {
                ++stale_;
            }
        }
        --depth_;
    }
    std::optional<Hpa> reach(unsigned number, Gpa gpa, Access wanted) {
        Space& space = *runs_[number];
        for (int attempt = 0; attempt < 6; ++attempt) {
            if (auto const hpa = processors_[number].access(space.space->root(), gpa, wanted))
                return hpa;
            auto const answer = space.space->resolve({.gpa = gpa, .access = wanted});
            REQUIRE(answer);
            perform(space, answer->duty, number);
        }
        if (conduct_ == Conduct::proper) FAIL("an access never goes through");
        return std::nullopt;
    }

    template <class Change>
    void scan(Change&& change) {
        Space& space = any();
        stop_all(space);
        perform(space, change(space, Gpa{random_() % pages << 12}));
    }
    void merge() {
        for (unsigned i = 0; i < processor_count; ++i)
            stop(i);
        Merger<TestSpace> merger{world_.registry, candidates_, buckets_};
        merger.pass([&](TestSpace& space, Duty duty) { perform(*find(&space), duty); });
    }

    Conduct conduct_;
    SpaceWorld world_{2048};
    std::mt19937 random_;
    std::vector<CachingProcessor> processors_;
    std::vector<std::unique_ptr<Space>> spaces_;
    std::array<Space*, processor_count> runs_{};
    std::vector<MergeCandidate> candidates_{64};
    std::vector<MergeIndex::bucket_type> buckets_{64};
    std::uint64_t stale_ = 0;
    int depth_ = 0;
};

std::uint64_t stale_reads(Conduct conduct, std::uint32_t seed, int steps) {
    Machine machine{conduct, seed};
    for (int step = 0; step < steps; ++step)
        machine.step();
    if (conduct == Conduct::proper) CHECK(machine.frames_left() == 1);
    return machine.stale();
}

} // namespace

TEST_CASE("no processor ever reads what is stale where duties are carried out and acknowledged") {
    for (std::uint32_t seed : {1U, 2U, 3U})
        CHECK(stale_reads(Conduct::proper, seed, 20'000) == 0);
}

TEST_CASE("a duty that is dropped shows as a stale read") {
    CHECK(stale_reads(Conduct::duty_dropped, 1, 20'000) > 0);
}

namespace {

/// Two processors run a guest, and one its clone. The first breaks copy-on-write; before the second
/// has invalidated, the clone writes. Returns what the second reads then.
std::uint8_t read_before_invalidation(bool frames_wait) {
    SpaceWorld w;
    Shootdown shootdown{3};
    auto options = w.options(2 * mib);
    if (frames_wait) options.shootdown = &shootdown;
    auto& parent = w.space(options);
    w.put(parent, 0x1000, 1);
    auto& child = w.clone(parent);
    CachingProcessor second{w.memory};
    CHECK_FALSE(shootdown.enter(0));
    CHECK_FALSE(shootdown.enter(1));
    REQUIRE(second.access(parent.root(), Gpa{0x1000}, Access::read));

    auto const answer = parent.resolve({.gpa = Gpa{0x1000}, .access = Access::write});
    REQUIRE(answer);
    REQUIRE(answer->duty.must_invalidate());
    auto const generation = shootdown.post();
    shootdown.acknowledge(0, generation);
    w.put(child, 0x1000, 99); // the last sharer would take the frame over
    auto const seen = second.access(parent.root(), Gpa{0x1000}, Access::read);
    REQUIRE(seen);
    CHECK(parent.collect_retired() == 0);

    second.invalidate(parent.root());
    shootdown.acknowledge(1, generation);
    CHECK(parent.collect_retired() == (frames_wait ? 4 : 0)); // three tables and the page
    w.require_laws();
    return w.memory.get<std::uint8_t>(seen->value());
}

} // namespace

TEST_CASE("a frame that another may use before all have acknowledged shows the other's data, and "
          "one that waits does not") {
    CHECK(read_before_invalidation(false) == 99);
    CHECK(read_before_invalidation(true) == 1);
}

TEST_CASE("each change that asks for a duty leaves a stale translation behind without it") {
    struct Case {
        char const* what;
        void (*change)(SpaceWorld&, TestSpace&);
    };
    std::array<Case, 5> const cases{{
        {"a clone takes write permission away", [](SpaceWorld& w, TestSpace& s) { w.clone(s); }},
        {"release", [](SpaceWorld&, TestSpace& s) { (void)s.release(Gpa{0}, 4096); }},
        {"swap out", [](SpaceWorld&, TestSpace& s) { REQUIRE(s.swap_out(Gpa{0})); }},
        {"promotion moves pages",
         [](SpaceWorld&, TestSpace& s) { REQUIRE(s.promote(Gpa{0}, page_2m)); }},
        {"write protection for a log",
         [](SpaceWorld&, TestSpace& s) {
             static std::vector<std::uint64_t> words(DirtyLog::words_for(2 * mib));
             static DirtyLog log{words};
             REQUIRE(s.start_logging(log, DirtyMeans::write_protection));
             s.stop_logging();
         }},
    }};
    for (auto const& [what, change] : cases) {
        CAPTURE(what);
        SpaceWorld w;
        auto& space = w.space(2 * mib);
        for (std::uint64_t page = 512; page-- > 0;)
            w.put(space, page << 12, 1);
        CachingProcessor processor{w.memory};
        auto const before = processor.access(space.root(), Gpa{0}, Access::write);
        REQUIRE(before);
        change(w, space);
        CHECK(processor.access(space.root(), Gpa{0}, Access::write) == before); // stale
        processor.invalidate(space.root());
        CHECK(processor.access(space.root(), Gpa{0}, Access::write) != before);
    }
}

} // namespace shootdown_test
