// Random two-dimensional layouts with mixed leaves, written entry by entry without the editor.
#pragma once

#include "support/word_memory.hpp"

#include <array>
#include <cstdint>
#include <iterator>
#include <random>
#include <utility>
#include <vector>

namespace twofold::test {

/// A guest whose tables, data and EPT leaves lie anywhere. All numbers are plain: nothing of the
/// code under test is used.
class RandomLayout {
  public:
    RandomLayout(unsigned guest, unsigned ept, std::uint64_t seed)
        : guest_levels(guest), ept_levels(ept), random_(seed) {}

    /// A new layout: `pages` random gvas, mapped.
    void build(unsigned pages) {
        memory.clear();
        gvas.clear();
        next_ept_table_ = 0x1000;
        next_frame_ = 1;
        ept_root = new_ept_table();
        guest_root = new_gpa_page();
        reach(guest_root);
        for (unsigned i = 0; i < pages; ++i)
            gvas.push_back(map_random_page());
    }
    /// Breaks one entry: clears it, takes a permission, or sets a reserved bit.
    void break_one_entry() {
        auto at = memory.words().begin();
        std::advance(at, static_cast<long>(random_() % memory.words().size()));
        std::uint64_t const address = at->first;
        std::array<std::uint64_t, 6> const flips{at->second, 1, 2, 4, 1ULL << 63, 1ULL << 12};
        memory.put(address, at->second ^ flips[random_() % flips.size()]);
    }
    [[nodiscard]] std::uint64_t pick(std::uint64_t below) { return random_() % below; }

    unsigned guest_levels;
    unsigned ept_levels;
    WordMemory memory;
    std::uint64_t ept_root = 0;
    std::uint64_t guest_root = 0;
    std::vector<std::uint64_t> gvas;
    /// Whether guest leaves have G bits.
    bool global_pages = true;

  private:
    static std::uint64_t slot(std::uint64_t table, std::uint64_t input, unsigned level) {
        return table + 8 * ((input >> (12 + 9 * (level - 1))) & 511);
    }
    static std::uint64_t size_of(unsigned level) { return 1ULL << (12 + 9 * (level - 1)); }

    std::uint64_t new_ept_table() { return std::exchange(next_ept_table_, next_ept_table_ + 4096); }
    /// A page of gpas that no other table or data page has. Clusters, so that EPT leaves are
    /// shared.
    std::uint64_t new_gpa_page() {
        std::uint64_t const cluster = (random_() % 4) << 31 | (random_() % 3) << 21;
        return cluster | (next_frame_++ & 511) << 12;
    }
    /// The hpa of a gpa, through EPT as it is now.
    std::uint64_t host(std::uint64_t gpa) const {
        std::uint64_t table = ept_root;
        for (unsigned level = ept_levels;; --level) {
            std::uint64_t const entry = memory.at(slot(table, gpa, level));
            std::uint64_t const address = entry & 0x000f'ffff'ffff'f000;
            if (level == 1 || (entry & 0x80) != 0)
                return (address & ~(size_of(level) - 1)) | (gpa & (size_of(level) - 1));
            table = address;
        }
    }
    /// Maps `gpa` in EPT by a leaf of a random size, where it is not mapped already.
    void reach(std::uint64_t gpa) {
        unsigned leaf = 1 + static_cast<unsigned>(random_() % 3);
        std::uint64_t table = ept_root;
        for (unsigned level = ept_levels; level > 0; --level) {
            std::uint64_t const address = slot(table, gpa, level);
            std::uint64_t entry = memory.at(address);
            if (entry != 0 && (level == 1 || (entry & 0x80) != 0)) return;
            if (entry == 0 && level <= leaf) {
                std::uint64_t const frame = (0x100ULL + next_frame_++) << 30; // one GiB each
                memory.put(address, frame | (level > 1 ? 0x80 : 0) | 6 << 3 | random_permissions());
                return;
            }
            if (entry == 0) memory.put(address, entry = new_ept_table() | 7);
            table = entry & 0x000f'ffff'ffff'f000;
        }
    }
    std::uint64_t random_permissions() { return random_() % 8 == 0 ? 1 + 4 * (random_() % 2) : 7; }

    std::uint64_t map_random_page() {
        unsigned const leaf = 1 + static_cast<unsigned>(random_() % 3);
        std::uint64_t const gva = (random_() % 2) << 39 | (random_() % 2) << 30 |
                                  (random_() % 2) << 21 | (random_() % 2) << 12 |
                                  (random_() & 0xff8);
        std::uint64_t table = guest_root;
        for (unsigned level = guest_levels;; --level) {
            std::uint64_t const address = host(slot(table, gva, level));
            std::uint64_t entry = memory.at(address);
            bool const is_leaf = level == 1 || (entry & 0x80) != 0;
            if (entry != 0 && is_leaf) return gva;
            if (entry == 0 && level <= leaf) {
                std::uint64_t const data = (random_() % 8) << 32;
                memory.put(address, data | (level > 1 ? 0x80 : 0) | 1 | (random_() % 4) << 1 |
                                        (global_pages ? (random_() % 2) << 8 : 0) |
                                        (random_() % 2) << 63);
                reach(data | (gva & (size_of(level) - 1)));
                return gva;
            }
            if (entry == 0) {
                std::uint64_t const below = new_gpa_page();
                reach(below);
                memory.put(address, entry = below | 7);
            }
            table = entry & 0x000f'ffff'ffff'f000;
        }
    }

    std::mt19937_64 random_;
    std::uint64_t next_ept_table_ = 0;
    std::uint64_t next_frame_ = 0;
};

} // namespace twofold::test
