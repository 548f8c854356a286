// A processor's translation of accesses over one dimension, natively or by shadow tables, slow and
// obviously right. What the model is compared with.
#pragma once

#include "support/plain_simulator.hpp"
#include "support/word_memory.hpp"

#include <array>
#include <cstdint>
#include <random>
#include <vector>

namespace twofold::test {

/// Random tables of one dimension, and the words that they consist of.
struct NativeLayout {
    static constexpr std::uint64_t present = 1;
    static constexpr std::uint64_t writable = 2;
    static constexpr std::uint64_t user = 4;
    static constexpr std::uint64_t large = 0x80;
    /// Without meaning while there is one PCID.
    static constexpr std::uint64_t global = 0x100;
    static constexpr std::uint64_t no_execute = 1ULL << 63;
    static constexpr std::uint64_t table_mask = 0x000f'ffff'ffff'f000;

    unsigned levels;
    std::uint64_t root = 0x1000;
    std::uint64_t next_table = 0x2000;
    WordMemory memory{};
    std::vector<std::uint64_t> gvas{};

    void build(unsigned pages, std::mt19937_64& random) {
        for (unsigned i = 0; i < pages; ++i)
            map_one(random);
    }
    void map_one(std::mt19937_64& random) {
        std::uint64_t gva = 0;
        for (unsigned level = 1; level <= levels; ++level)
            gva |= (random() % (level < 3 ? 3 : 2)) << (12 + 9 * (level - 1));
        gvas.push_back(gva | (random() & 0xff8));
        unsigned const leaf = random() % 4 == 0 ? 2 : random() % 16 == 0 ? 3 : 1;
        std::uint64_t table = root;
        for (unsigned level = levels;; --level) {
            std::uint64_t const slot = table + 8 * (gva >> (12 + 9 * (level - 1)) & 511);
            std::uint64_t const now = memory.at(slot);
            if ((now & present) != 0 && (level == 1 || (now & large) != 0)) return;
            if (level == leaf && now == 0) return memory.put(slot, any_leaf(level, random));
            if (now == 0) {
                memory.put(slot, next_table | present | user | any_rights(random));
                next_table += 0x1000;
            } else if (level == leaf) {
                return;
            }
            table = memory.at(slot) & table_mask;
        }
    }

  private:
    static std::uint64_t any_rights(std::mt19937_64& random) {
        return (random() % 8 != 0 ? writable : 0) | (random() % 16 == 0 ? no_execute : 0);
    }
    static std::uint64_t any_leaf(unsigned level, std::mt19937_64& random) {
        std::uint64_t const frame = (random() % 64) << 30;
        return frame | present | user | any_rights(random) | (level > 1 ? large : 0) |
               (random() % 4 == 0 ? global : 0);
    }
};

/// With the caches of a shape over a NativeLayout.
class PlainNativeSimulator {
  public:
    using End = PlainSimulator::End;

    PlainNativeSimulator(NativeLayout const& layout, ProcessorShape const& shape)
        : layout_(layout), first_(shape.first_level), second_(shape.second_level),
          structures_(shape.structures, layout.levels) {}

    End access(std::uint64_t gva, Access access) {
        bool const instruction = access == Access::execute;
        Cold const cold = walk(gva);
        bool const good = cold.found && allows(cold.allowed, access);
        if (first_.find(gva, instruction)) {
            if (good) return End::first_level_hit;
            drop(gva);
        } else if (auto const code = second_.find(gva, instruction)) {
            if (good) {
                first_.insert({0, gva}, *code, instruction);
                return End::second_level_hit;
            }
            drop(gva);
        }
        count(gva, cold);
        if (!good) {
            drop(gva);
            return End::faulted;
        }
        second_.insert({0, gva}, cold.last - 1, instruction);
        first_.insert({0, gva}, cold.last - 1, instruction);
        return End::walked;
    }
    /// By level.
    [[nodiscard]] std::array<std::uint64_t, 6> const& counts() const { return counts_; }

  private:
    struct Cold {
        /// Level of the last entry that is read.
        unsigned last;
        bool found;
        std::uint64_t allowed;
    };
    static bool allows(std::uint64_t rights, Access access) {
        if (access == Access::write) return (rights & NativeLayout::writable) != 0;
        return access == Access::read || (rights & NativeLayout::no_execute) == 0;
    }
    [[nodiscard]] Cold walk(std::uint64_t gva) const {
        std::uint64_t table = layout_.root;
        std::uint64_t rights = NativeLayout::writable;
        for (unsigned level = layout_.levels;; --level) {
            auto const entry = layout_.memory.at(table + 8 * (gva >> (12 + 9 * (level - 1)) & 511));
            if ((entry & NativeLayout::present) == 0) return {level, false, 0};
            if ((entry & NativeLayout::writable) == 0) rights &= ~NativeLayout::writable;
            rights |= entry & NativeLayout::no_execute;
            if (level == 1 || (entry & NativeLayout::large) != 0) return {level, true, rights};
            table = entry & NativeLayout::table_mask;
        }
    }
    /// What the caches leave of a cold walk.
    void count(std::uint64_t gva, Cold const& cold) {
        unsigned const start = structures_.start(gva);
        for (unsigned level = start; level >= cold.last; --level) {
            ++counts_[level];
            if (level < start) structures_.insert(level + 1, gva);
        }
    }
    void drop(std::uint64_t gva) {
        first_.drop(gva);
        second_.drop(gva);
        structures_.drop(gva);
    }

    NativeLayout const& layout_;
    PlainTlb first_;
    PlainTlb second_;
    PlainStructures structures_;
    std::array<std::uint64_t, 6> counts_{};
};

} // namespace twofold::test
