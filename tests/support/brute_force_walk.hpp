// The two-dimensional walk written out, with plain numbers and nothing of the code under test:
// what the walker is compared with.
#pragma once

#include "support/random_layout.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace twofold::test {

struct PlainReference {
    char dimension; // g or e
    unsigned level;
    std::uint64_t address;
    std::uint64_t entry;
    friend bool operator==(PlainReference const&, PlainReference const&) = default;
};

/// What a walk came to.
struct PlainWalk {
    std::vector<PlainReference> references;
    /// Empty, or "g"/"e", then level, then "np" (not present), "mal" (malformed) or "den" (a table
    /// that EPT does not let be read).
    std::string fault;
    std::uint64_t hpa = 0;
    unsigned guest_shift = 0;
    unsigned host_shift = 0;
    /// Of the guest: write, execute, user. Of EPT for the data: read, write, execute.
    bool guest_allowed[3] = {true, true, true};
    bool ept_allowed[3] = {true, true, true};
};

class BruteForceWalk {
  public:
    explicit BruteForceWalk(RandomLayout const& layout) : layout_(layout) {}

    PlainWalk walk(std::uint64_t gva) {
        walk_ = {};
        guest(gva);
        return walk_;
    }

    /// Of an EPT entry.
    static bool malformed(std::uint64_t entry, unsigned level) {
        if ((entry & 3) == 2) return true;
        if (level >= 4) return (entry & 0xf8) != 0;
        bool const leaf = level == 1 || (entry & 0x80) != 0;
        if (!leaf) return (entry & 0x78) != 0;
        std::uint64_t const type = entry >> 3 & 7;
        if (type == 2 || type == 3 || type == 7) return true;
        unsigned const shift = 12 + 9 * (level - 1);
        return (entry & ((1ULL << shift) - 1) & ~0xfffULL) != 0;
    }

  private:
    static constexpr std::uint64_t address_bits = 0x000f'ffff'ffff'f000;

    void fail(char dimension, unsigned level, char const* why) {
        walk_.fault = std::string{dimension} + std::to_string(level) + why;
    }
    void guest(std::uint64_t gva) {
        std::uint64_t table = layout_.guest_root;
        for (unsigned level = layout_.guest_levels; level >= 1; --level) {
            unsigned const shift = 12 + 9 * (level - 1);
            std::uint64_t const at = ept(table + 8 * ((gva >> shift) & 511), false);
            if (!walk_.fault.empty()) return;
            std::uint64_t const entry = layout_.memory.at(at);
            walk_.references.push_back({'g', level, at, entry});
            if ((entry & 1) == 0) return fail('g', level, "np");
            bool const large = (entry & 0x80) != 0;
            if (level >= 4 && large) return fail('g', level, "mal");
            bool const leaf = level == 1 || large;
            if (leaf && level > 1 && (entry & ((1ULL << shift) - 1) & ~0x1fffULL) != 0)
                return fail('g', level, "mal");
            walk_.guest_allowed[0] &= (entry & 2) != 0;
            walk_.guest_allowed[1] &= (entry >> 63) == 0;
            walk_.guest_allowed[2] &= (entry & 4) != 0;
            if (leaf) {
                walk_.guest_shift = shift;
                std::uint64_t const offset = (1ULL << shift) - 1;
                walk_.hpa = ept((entry & address_bits & ~offset) | (gva & offset), true);
                return;
            }
            table = entry & address_bits;
        }
    }
    std::uint64_t ept(std::uint64_t gpa, bool data) {
        std::uint64_t table = layout_.ept_root;
        bool allowed[3] = {true, true, true};
        for (unsigned level = layout_.ept_levels;; --level) {
            unsigned const shift = 12 + 9 * (level - 1);
            std::uint64_t const at = table + 8 * ((gpa >> shift) & 511);
            std::uint64_t const entry = layout_.memory.at(at);
            walk_.references.push_back({'e', level, at, entry});
            if ((entry & 7) == 0) return fail('e', level, "np"), 0;
            if (malformed(entry, level)) return fail('e', level, "mal"), 0;
            for (unsigned i = 0; i < 3; ++i)
                allowed[i] &= (entry >> i & 1) != 0;
            if (level == 1 || (entry & 0x80) != 0) {
                if (!data && !allowed[0]) return fail('e', level, "den"), 0;
                if (data) {
                    walk_.host_shift = shift;
                    std::copy(allowed, allowed + 3, walk_.ept_allowed);
                }
                std::uint64_t const offset = (1ULL << shift) - 1;
                return (entry & address_bits & ~offset) | (gpa & offset);
            }
            table = entry & address_bits;
        }
    }
    RandomLayout const& layout_;
    PlainWalk walk_;
};

} // namespace twofold::test
