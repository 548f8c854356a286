// Spaces beside arrays of bytes that say what each must hold.
#pragma once

#include "catch.hpp"
#include "support/space_world.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace twofold::test {

struct ModelledSpaces {
    /// Pages that lie near and far from each other.
    static constexpr std::array<std::uint64_t, 14> pages{
        0,        0x1000,     0x2000, 0x5000,    mib,     2 * mib - 4096, 2 * mib, 2 * mib + 4096,
        16 * mib, gib - 4096, gib,    gib + mib, 3 * gib, 6 * gib};
    /// What the first byte of each page must be.
    using Bytes = std::array<std::uint8_t, pages.size()>;

    ModelledSpaces(std::uint64_t frames, std::uint32_t slots, std::uint64_t first)
        : world(frames, slots, first) {}

    void add(TestSpace&& made, Bytes const& model) {
        std::size_t at = 0;
        while (at < spaces.size() && spaces[at])
            ++at;
        if (at == spaces.size()) {
            spaces.emplace_back();
            models.emplace_back();
        }
        world.registry.add(spaces[at].emplace(std::move(made)));
        models[at] = model;
    }
    /// One that lives.
    template <class Random>
    std::size_t any(Random& random) {
        std::size_t const start = random() % spaces.size();
        for (std::size_t i = 0; i < spaces.size(); ++i) {
            if (spaces[(start + i) % spaces.size()]) return (start + i) % spaces.size();
        }
        FAIL("no space is left");
        return 0;
    }
    [[nodiscard]] std::size_t living() const {
        return static_cast<std::size_t>(
            std::ranges::count_if(spaces, [](auto const& space) { return space.has_value(); }));
    }

    std::vector<bool> mapped_pages() {
        std::vector<bool> mapped;
        for (auto& space : spaces) {
            for (std::uint64_t const gpa : pages)
                mapped.push_back(space && space->translate(Gpa{gpa}));
        }
        return mapped;
    }
    /// Whether the page differs from one that was never written, as far as the space knows.
    bool has_contents(std::size_t who, std::size_t page) {
        auto const slot =
            find_slot(EptFormat<4>{}, spaces[who]->root(), Gpa{pages[page]}, 1, world.memory);
        REQUIRE(slot);
        bool const zeros = slot->entry.present() && slot->level == 1 &&
                           Hpa{slot->entry.frame(page_4k)} == *world.zero_frame;
        return slot->entry.word() != 0 && !zeros;
    }
    /// The first byte of the page, wherever it is, without an access; 0xff where that is nowhere.
    std::uint8_t peek(std::size_t who, std::size_t page) {
        auto const slot =
            find_slot(EptFormat<4>{}, spaces[who]->root(), Gpa{pages[page]}, 1, world.memory);
        if (!slot) return 0xff;
        if (SwappedEntry::is(slot->entry.word()))
            return world.swap.device.first_byte(SwappedEntry::slot(slot->entry.word()));
        return world.peek(*spaces[who], pages[page]);
    }
    void check_contents(std::uint64_t step, bool midway) {
        for (std::size_t who = 0; who < spaces.size(); ++who) {
            for (std::size_t page = 0; spaces[who] && page < pages.size(); ++page) {
                auto const there = peek(who, page);
                if (there != models[who][page])
                    FAIL("step " << step << (midway ? ", midway" : "") << ": space " << who
                                 << ", page " << page << " holds " << int{there});
            }
        }
    }

    SpaceWorld world;
    std::vector<std::optional<TestSpace>> spaces;
    std::vector<Bytes> models;
};

} // namespace twofold::test
