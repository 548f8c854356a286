#include "catch.hpp"
#include "support/caching_processor.hpp"
#include "support/space_world.hpp"

#include <twofold/memory/merger.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <vector>

namespace stale_read_test {

using namespace twofold;
using namespace twofold::test;

namespace {

enum class Conduct {
    /// Duties are posted, each processor invalidates and acknowledges when it comes to it, and
    /// frames wait for that.
    proper,
    /// Nobody invalidates.
    duty_dropped,
    /// Everybody invalidates but after this: a write that was answered, by a copy or otherwise; a
    /// clone; memory given back; a page swapped out; pages merged.
    resolve_dropped,
    clone_dropped,
    release_dropped,
    swap_out_dropped,
    merge_dropped,
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
            scan(Conduct::swap_out_dropped,
                 [&](Space& s, Gpa gpa) { return s.space->swap_out(gpa).value_or(Duty{}); });
            break;
        case 4:
            scan(Conduct::release_dropped, [&](Space& s, Gpa gpa) {
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
            perform(*find(parent), cloned->duty, Conduct::clone_dropped);
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
        run(number, any());
    }
    void run(unsigned number, Space& space) {
        runs_[number] = &space;
        if (space.shootdown->enter(number)) come_to_it(number);
    }
    /// A processor takes the interrupt that follows post().
    void come_to_it(unsigned number) {
        Space& space = *runs_[number];
        auto const generation = space.shootdown->posted();
        if (conduct_ != Conduct::duty_dropped) processors_[number].invalidate(space.space->root());
        space.shootdown->acknowledge(number, generation);
        space.space->collect_retired();
    }

    void perform(Space& space, Duty duty, Conduct dropped_by, unsigned asking = processor_count) {
        if (!duty.must_invalidate()) return;
        if (conduct_ == dropped_by) return drop_duty(space);
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

    /// As if the change had asked for nothing: whoever owed nothing before owes nothing now.
    /// Then the space runs on for a while.
    void drop_duty(Space& space) {
        std::array<bool, processor_count> owed{};
        for (unsigned i = 0; i < processor_count; ++i)
            owed[i] = space.shootdown->must_invalidate(i);
        auto const generation = space.shootdown->post();
        for (unsigned i = 0; i < processor_count; ++i) {
            if (!owed[i]) space.shootdown->acknowledge(i, generation);
        }
        space.space->collect_retired();
        for (unsigned i = 0; i < processor_count; ++i) {
            if (runs_[i] == nullptr) run(i, space);
        }
        for (int i = 0; i < 32 && depth_ < 2; ++i)
            access(below(processor_count));
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
            perform(space, answer->duty, Conduct::resolve_dropped, number);
        }
        if (conduct_ == Conduct::proper) FAIL("an access never goes through");
        return std::nullopt;
    }

    template <class Change>
    void scan(Conduct dropped_by, Change&& change) {
        Space& space = any();
        stop_all(space);
        perform(space, change(space, Gpa{random_() % pages << 12}), dropped_by);
    }
    void merge() {
        for (unsigned i = 0; i < processor_count; ++i)
            stop(i);
        Merger<TestSpace> merger{world_.registry, candidates_, buckets_};
        merger.pass([&](TestSpace& space, Duty duty) {
            perform(*find(&space), duty, Conduct::merge_dropped);
        });
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
    for (int step = 0; step < steps && machine.stale() == 0; ++step)
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

TEST_CASE(
    "whichever change's duty is dropped, while all others are carried out, a stale read shows "
    "it") {
    for (auto const dropped :
         {Conduct::resolve_dropped, Conduct::clone_dropped, Conduct::release_dropped,
          Conduct::swap_out_dropped, Conduct::merge_dropped}) {
        CAPTURE(static_cast<int>(dropped));
        CHECK(stale_reads(dropped, 1, 20'000) > 0);
    }
}

} // namespace stale_read_test
