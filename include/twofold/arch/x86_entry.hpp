// One entry of a paging structure of IA-32e or PAE paging (Intel SDM vol. 3, "4-Level Paging and
// 5-Level Paging").
#pragma once

#include <twofold/arch/access.hpp>
#include <twofold/arch/bits.hpp>
#include <twofold/arch/page_size.hpp>

#include <cstdint>

namespace twofold {

/// A 64-bit entry: PML5E, PML4E, PDPTE, PDE or PTE. Level 1 is the PTE.
class X86Entry {
  public:
    using Word = std::uint64_t;

    static constexpr Word present_bit = bit(0);
    static constexpr Word writable_bit = bit(1);
    static constexpr Word user_bit = bit(2);
    static constexpr Word write_through_bit = bit(3);
    static constexpr Word cache_disable_bit = bit(4);
    static constexpr Word accessed_bit = bit(5);
    static constexpr Word dirty_bit = bit(6);
    /// Bit 7 is PS above level 1, and PAT at level 1.
    static constexpr Word page_size_bit = bit(7);
    static constexpr Word global_bit = bit(8);
    static constexpr Word execute_disable_bit = bit(63);
    static constexpr Word address_mask = mask(51, 12);

    constexpr X86Entry() = default;
    explicit constexpr X86Entry(Word word) : word_(word) {}

    /// An entry that leads to the table at `table`; leaves alone decide what is allowed.
    static constexpr X86Entry to_table(std::uint64_t table) {
        return X86Entry{table | present_bit | writable_bit | user_bit};
    }
    /// A leaf at `level` for the frame at `frame`. Bit 63 is set only where execution is not
    /// allowed: it is reserved without EFER.NXE.
    static constexpr X86Entry to_frame(std::uint64_t frame, unsigned level, Permissions permissions,
                                       MemoryType type = MemoryType::write_back) {
        return X86Entry{
            frame | present_bit | (permissions.write ? writable_bit : 0) |
            (permissions.user ? user_bit : 0) | (level > 1 ? page_size_bit : 0) |
            (permissions.execute ? 0 : execute_disable_bit) |
            (type == MemoryType::uncacheable ? cache_disable_bit | write_through_bit : 0)};
    }

    [[nodiscard]] constexpr Word word() const { return word_; }
    [[nodiscard]] constexpr bool present() const { return (word_ & present_bit) != 0; }
    [[nodiscard]] constexpr bool accessed() const { return (word_ & accessed_bit) != 0; }
    [[nodiscard]] constexpr bool dirty() const { return (word_ & dirty_bit) != 0; }
    [[nodiscard]] constexpr bool leaf(unsigned level) const {
        return level == 1 || (word_ & page_size_bit) != 0;
    }
    [[nodiscard]] constexpr std::uint64_t table() const { return word_ & address_mask; }
    [[nodiscard]] constexpr std::uint64_t frame(PageSize size) const {
        return word_ & address_mask & ~(size.bytes() - 1);
    }
    [[nodiscard]] constexpr Permissions permissions() const {
        return {true, (word_ & writable_bit) != 0, (word_ & execute_disable_bit) == 0,
                (word_ & user_bit) != 0};
    }
    /// The bits that make the processor keep one memory type or another for a leaf.
    [[nodiscard]] constexpr Word type_bits() const {
        return word_ & (write_through_bit | cache_disable_bit);
    }

    friend constexpr bool operator==(X86Entry, X86Entry) = default;

  private:
    Word word_ = 0;
};

/// A 32-bit entry of 32-bit paging: PDE (level 2) or PTE (level 1) (Intel SDM vol. 3, "32-Bit
/// Paging").
class X86Entry32 {
  public:
    using Word = std::uint32_t;

    constexpr X86Entry32() = default;
    explicit constexpr X86Entry32(Word word) : word_(word) {}

    static constexpr X86Entry32 to_table(std::uint64_t table) {
        return X86Entry32{static_cast<Word>(table | X86Entry::present_bit | X86Entry::writable_bit |
                                            X86Entry::user_bit)};
    }
    static constexpr X86Entry32 to_frame(std::uint64_t frame, unsigned level,
                                         Permissions permissions,
                                         MemoryType type = MemoryType::write_back) {
        permissions.execute = true; // 32-bit paging has no execute-disable
        return X86Entry32{
            static_cast<Word>(X86Entry::to_frame(frame, level, permissions, type).word() |
                              field(frame, 39, 32) << 13)};
    }

    [[nodiscard]] constexpr Word word() const { return word_; }
    [[nodiscard]] constexpr bool present() const { return (word_ & X86Entry::present_bit) != 0; }
    [[nodiscard]] constexpr bool accessed() const { return (word_ & X86Entry::accessed_bit) != 0; }
    [[nodiscard]] constexpr bool dirty() const { return (word_ & X86Entry::dirty_bit) != 0; }
    [[nodiscard]] constexpr bool leaf(unsigned level) const {
        return level == 1 || (word_ & X86Entry::page_size_bit) != 0;
    }
    [[nodiscard]] constexpr std::uint64_t table() const { return word_ & mask(31, 12); }
    /// A 4 MiB leaf keeps bits 39:32 of its frame in bits 20:13 (PSE-36).
    [[nodiscard]] constexpr std::uint64_t frame(PageSize size) const {
        if (size == page_4k) return table();
        return (word_ & mask(31, 22)) | field(word_, 20, 13) << 32;
    }
    [[nodiscard]] constexpr Permissions permissions() const {
        return {true, (word_ & X86Entry::writable_bit) != 0, true,
                (word_ & X86Entry::user_bit) != 0};
    }
    [[nodiscard]] constexpr Word type_bits() const {
        return static_cast<Word>(word_ &
                                 (X86Entry::write_through_bit | X86Entry::cache_disable_bit));
    }

    friend constexpr bool operator==(X86Entry32, X86Entry32) = default;

  private:
    Word word_ = 0;
};

static_assert(sizeof(X86Entry) == 8 && sizeof(X86Entry32) == 4);
static_assert(X86Entry::to_frame(0x20'0000, 2, read_write_execute).word() == 0x20'0083);

} // namespace twofold
