#include "catch.hpp"
#include "support/clone_scene.hpp"
#include "support/space_laws.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

namespace clone_model_test {

using namespace twofold;
using namespace twofold::test;
using namespace twofold::test::clone_scene;

namespace {

/// Spaces beside a plain model: for each, the first byte of each of a few pages that lie near and
/// far from each other.
struct Population {
    static constexpr std::array<std::uint64_t, 12> pages{
        0,          0x1000, 0x2000,       0x1f'f000,        0x20'0000, 0x20'1000,
        gib - 4096, gib,    gib + 0x5000, 2 * gib + 0x7000, 600 * gib, 600 * gib + 0x20'0000};
    static constexpr std::size_t most = 12;

    using Bytes = std::array<std::uint8_t, pages.size()>;

    explicit Population(std::uint32_t seed, PageSize leaf = page_4k)
        : f(leaf == page_4k ? 8192 : 65536), random(seed) {
        spaces.emplace_back(f.space(1024 * gib, leaf));
        model.push_back({});
    }

    std::size_t any() {
        std::size_t const start = random() % spaces.size();
        for (std::size_t i = 0; i < spaces.size(); ++i) {
            if (spaces[(start + i) % spaces.size()]) return (start + i) % spaces.size();
        }
        return 0;
    }
    std::size_t living() const {
        return static_cast<std::size_t>(std::count_if(spaces.begin(), spaces.end(),
                                                      [](auto const& s) { return s.has_value(); }));
    }
    void clone() {
        std::size_t const from = any();
        auto cloned = spaces[from]->clone();
        REQUIRE(cloned);
        for (std::size_t i = 0; i < spaces.size(); ++i) {
            if (!spaces[i]) {
                spaces[i].emplace(std::move(cloned->space));
                model[i] = model[from];
                return;
            }
        }
        spaces.emplace_back(std::move(cloned->space));
        model.push_back(Bytes{model[from]});
    }
    void step() {
        std::size_t const who = any();
        std::size_t const page = random() % pages.size();
        switch (random() % 10) {
        case 0:
            if (living() < most) clone();
            break;
        case 1:
            if (living() > 1 && random() % 2 == 0) spaces[who].reset();
            break;
        case 2:
        case 3:
        case 4:
        case 5:
            model[who][page] = static_cast<std::uint8_t>(random());
            put(*spaces[who], pages[page], model[who][page]);
            break;
        default:
            if (get(*spaces[who], pages[page]) != model[who][page])
                FAIL("space " << who << ", page " << page);
        }
    }
    void check_contents() {
        for (std::size_t who = 0; who < spaces.size(); ++who) {
            if (!spaces[who]) continue;
            for (std::size_t page = 0; page < pages.size(); ++page) {
                auto const hpa = spaces[who]->translate(Gpa{pages[page]});
                std::uint8_t const there = hpa ? f.memory.get<std::uint8_t>(hpa->value()) : 0;
                if (there != model[who][page])
                    FAIL("space " << who << " reads another's byte on page " << page);
            }
        }
    }

    CloneScene f;
    std::mt19937 random;
    std::vector<std::optional<Space>> spaces;
    std::vector<Bytes> model;
};

} // namespace

TEST_CASE("whatever is cloned, written, read and dropped, each space reads what it wrote") {
    for (std::uint32_t seed : {1U, 2U}) {
        Population p{seed, seed % 2 == 0 ? page_2m : page_4k};
        for (int step = 0; step < 10'000; ++step) {
            p.step();
            if (step % 50 == 0) require_space_laws(p.spaces, p.f.pool, p.f.zero_frame);
            if (step % 500 == 0) p.f.memory.forget_stores();
        }
        p.check_contents();
        p.spaces.clear();
        CHECK(p.f.pool.frames_used() == 1);
    }
}

TEST_CASE("at every store on the way, every space reads exactly what it wrote before") {
    Population p{99, GENERATE(page_4k, page_2m)};
    for (int round = 0; round < 400; ++round) {
        for (int i = 0; i < 5; ++i)
            p.step();
        p.f.memory.forget_stores();
        std::size_t const who = p.any();
        std::uint64_t const gpa = Population::pages[p.random() % Population::pages.size()];
        if (round % 4 == 0 && p.living() < Population::most) {
            p.clone();
        } else {
            REQUIRE(p.spaces[who]->resolve(
                access_to(gpa, round % 2 == 0 ? Access::read : Access::write)));
        }
        std::size_t const stores = p.f.memory.stores().size();
        for (std::size_t seen = stores; seen-- > 0;) {
            p.f.memory.rewind_to(seen);
            // A clone's root is nothing to anybody before it is complete.
            if (round % 4 != 0) p.check_contents();
            p.f.memory.replay_from(seen);
        }
        p.check_contents();
    }
}

} // namespace clone_model_test
