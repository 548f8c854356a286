#include "catch.hpp"

#include <twofold/model/associative_cache.hpp>

#include <algorithm>
#include <list>
#include <random>
#include <vector>

namespace associative_cache_test {

using namespace twofold;

namespace {

/// The plainest LRU: a list a set.
struct PlainCache {
    struct Entry {
        std::uint64_t key;
        int value;
    };
    explicit PlainCache(Geometry geometry) : shape(geometry), sets(geometry.sets) {}
    int* find(std::uint64_t key, std::uint64_t index) {
        auto& set = sets[index % shape.sets];
        auto const at = std::ranges::find(set, key, &Entry::key);
        if (at == set.end()) return nullptr;
        set.splice(set.begin(), set, at);
        return &set.front().value;
    }
    void insert(std::uint64_t key, std::uint64_t index, int value) {
        auto& set = sets[index % shape.sets];
        set.push_front({key, value});
        if (set.size() > shape.ways) set.pop_back();
    }
    Geometry shape;
    std::vector<std::list<Entry>> sets;
};

} // namespace

TEST_CASE("what is least recently used goes, in every geometry, as in a plain list") {
    std::mt19937_64 random{1};
    for (Geometry const geometry : {Geometry{1, 1}, Geometry{1, 2}, Geometry{2, 2}, Geometry{4, 3},
                                    Geometry{1, 33}, Geometry{16, 4}}) {
        CAPTURE(geometry.sets, geometry.ways);
        AssociativeCache<int, 64> cache{geometry};
        PlainCache plain{geometry};
        std::uint64_t const keys = geometry.entries() * 2;
        for (int i = 0; i < 20'000; ++i) {
            std::uint64_t const page = random() % keys;
            std::uint64_t const key = page + 1;
            if (random() % 64 == 0) {
                auto const drops = [&](std::uint64_t of) { return of % 7 == key % 7; };
                cache.erase_if([&](std::uint64_t of, int) { return drops(of); });
                for (auto& set : plain.sets)
                    set.remove_if([&](auto const& entry) { return drops(entry.key); });
            }
            int const* const expected = plain.find(key, page);
            int const* const found = cache.find(key, page);
            REQUIRE((found != nullptr) == (expected != nullptr));
            if (found != nullptr) {
                REQUIRE(*found == *expected);
                continue;
            }
            cache.insert(key, page, i);
            plain.insert(key, page, i);
        }
        std::size_t entries = 0;
        for (auto const& set : plain.sets)
            entries += set.size();
        CHECK(cache.count_if([](std::uint64_t, int) { return true; }) == entries);
    }
}

TEST_CASE("a cache without ways keeps nothing") {
    AssociativeCache<int, 8> cache;
    cache.insert(1, 0, 1);
    CHECK(cache.find(1, 0) == nullptr);
    CHECK_FALSE(cache.exists());
}

TEST_CASE("a geometry has power-of-two sets and fits") {
    CHECK(Geometry{16, 4}.valid(64));
    CHECK_FALSE(Geometry{16, 4}.valid(63));
    CHECK_FALSE(Geometry{3, 4}.valid(64));
    CHECK_FALSE(Geometry{1, 256}.valid(512));
}

} // namespace associative_cache_test
