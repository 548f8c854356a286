// One entry of the extended page tables (Intel SDM vol. 3, "The Extended Page Table Mechanism
// (EPT)").
#pragma once

#include <twofold/arch/access.hpp>
#include <twofold/arch/bits.hpp>
#include <twofold/arch/page_size.hpp>

#include <cstdint>

namespace twofold {

/// An EPT PML5E, PML4E, PDPTE, PDE or PTE. Level 1 is the PTE.
class EptEntry {
  public:
    using Word = std::uint64_t;

    static constexpr Word read_bit = bit(0);
    static constexpr Word write_bit = bit(1);
    static constexpr Word execute_bit = bit(2);
    static constexpr Word memory_type_mask = mask(5, 3);
    static constexpr Word ignore_pat_bit = bit(6);
    static constexpr Word large_page_bit = bit(7);
    static constexpr Word accessed_bit = bit(8);
    static constexpr Word dirty_bit = bit(9);
    static constexpr Word address_mask = mask(51, 12);

    constexpr EptEntry() = default;
    explicit constexpr EptEntry(Word word) : word_(word) {}

    /// An entry that leads to the table at `table`; leaves alone decide what is allowed.
    static constexpr EptEntry to_table(std::uint64_t table) {
        return EptEntry{table | read_bit | write_bit | execute_bit};
    }
    /// A leaf at `level` for the frame at `frame`. At least one permission must be given, write
    /// only together with read.
    static constexpr EptEntry to_frame(std::uint64_t frame, unsigned level, Permissions permissions,
                                       MemoryType type = MemoryType::write_back) {
        return EptEntry{frame | (permissions.read ? read_bit : 0) |
                        (permissions.write ? write_bit : 0) |
                        (permissions.execute ? execute_bit : 0) | static_cast<Word>(type) << 3 |
                        (level > 1 ? large_page_bit : 0)};
    }

    [[nodiscard]] constexpr Word word() const { return word_; }
    /// EPT has no present bit: an entry that allows nothing is not present.
    [[nodiscard]] constexpr bool present() const {
        return (word_ & (read_bit | write_bit | execute_bit)) != 0;
    }
    [[nodiscard]] constexpr bool accessed() const { return (word_ & accessed_bit) != 0; }
    [[nodiscard]] constexpr bool dirty() const { return (word_ & dirty_bit) != 0; }
    [[nodiscard]] constexpr bool leaf(unsigned level) const {
        return level == 1 || (word_ & large_page_bit) != 0;
    }
    [[nodiscard]] constexpr std::uint64_t table() const { return word_ & address_mask; }
    [[nodiscard]] constexpr std::uint64_t frame(PageSize size) const {
        return word_ & address_mask & ~(size.bytes() - 1);
    }
    [[nodiscard]] constexpr Permissions permissions() const {
        return {(word_ & read_bit) != 0, (word_ & write_bit) != 0, (word_ & execute_bit) != 0,
                true};
    }
    /// The bits that decide a leaf's memory type.
    [[nodiscard]] constexpr Word type_bits() const {
        return word_ & (memory_type_mask | ignore_pat_bit);
    }

    friend constexpr bool operator==(EptEntry, EptEntry) = default;

  private:
    Word word_ = 0;
};

static_assert(sizeof(EptEntry) == 8);
static_assert(EptEntry::to_frame(0x1000, 1, read_write_execute).word() == 0x1037);

} // namespace twofold
