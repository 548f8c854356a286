// The shape of a paging structure: how many levels, which bits of an address index them, which
// entries may be leaves, and which bits an entry must keep clear. A format is what the walker and
// the editor are templates over.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/arch/ept_entry.hpp>
#include <twofold/arch/page_size.hpp>
#include <twofold/arch/paging_mode.hpp>
#include <twofold/arch/x86_entry.hpp>

#include <array>
#include <concepts>
#include <cstdint>
#include <optional>

namespace twofold {

/// What every format provides. `Input` is the address that it translates, `Output` what it yields
/// and what its entries hold; `Root` is what the processor holds to start from. Levels count down
/// to 1, the PTE.
template <class F>
concept PagingFormat = requires(F const format, typename F::Root root, typename F::Input input,
                                typename F::Entry entry, unsigned level) {
    typename F::Output;
    { F::levels } -> std::convertible_to<unsigned>;
    { F::page_size(level) } -> std::same_as<PageSize>;
    { F::index(input, level) } -> std::same_as<unsigned>;
    { F::top_table(root, input) } -> std::same_as<std::optional<typename F::Output>>;
    { format.leaf(entry, level) } -> std::same_as<bool>;
    { format.malformed(entry, level) } -> std::same_as<std::uint64_t>;
    { format.usual(entry, level) } -> std::same_as<bool>;
};

/// The bits of an address in an entry that lie at `physical_bits` and above, up to bit 51.
constexpr std::uint64_t bits_from(unsigned physical_bits) {
    return mask(51, 12) & ~(bit(physical_bits) - 1);
}

/// What the address bits say when each table has 2^`IndexBits` entries.
template <class InputAddress, class OutputAddress, class EntryType, unsigned Levels,
          unsigned IndexBits>
struct RadixFormat {
    using Input = InputAddress;
    using Output = OutputAddress;
    using Entry = EntryType;
    using Word = typename EntryType::Word;
    using Radix = RadixFormat;
    /// Address of the top table.
    using Root = OutputAddress;

    static constexpr unsigned levels = Levels;
    static constexpr unsigned entries = 1U << IndexBits;
    /// One top table translates all addresses below.
    static constexpr std::uint64_t input_end = 0;

    /// Bytes that one entry at `level`, 1 to `levels`, covers.
    static constexpr PageSize page_size(unsigned level) {
        return PageSize{12 + IndexBits * (level - 1)};
    }
    static constexpr unsigned index(Input input, unsigned level) {
        return static_cast<unsigned>(input.value() >> page_size(level).shift()) & (entries - 1);
    }
    static constexpr std::optional<Output> top_table(Root root, Input) { return root; }
    static constexpr bool leaf(Entry entry, unsigned level) { return entry.leaf(level); }
    /// Whether one comparison shows what nearly every entry of a walk is: present, well formed,
    /// forbidding nothing, and leading to a table, or at level 1 a leaf. Where it does not, `leaf`,
    /// `malformed` and the entry itself say what it is.
    static constexpr bool usual(Entry, unsigned) { return false; }
    /// The level whose leaves have this size; 0 if there is none.
    static constexpr unsigned level_of(PageSize size) {
        for (unsigned level = 1; level <= Levels; ++level) {
            if (page_size(level) == size) return level;
        }
        return 0;
    }
};

/// 4-level and 5-level paging of 64-bit mode.
template <class InputAddress, class OutputAddress, unsigned Levels>
struct X86Format : RadixFormat<InputAddress, OutputAddress, X86Entry, Levels, 9> {
    static_assert(Levels == 4 || Levels == 5);
    static constexpr PagingMode mode =
        Levels == 4 ? PagingMode::four_level : PagingMode::five_level;

    /// MAXPHYADDR: CPUID.80000008H:EAX[7:0].
    unsigned physical_bits = 52;
    /// EFER.NXE.
    bool execute_disable = true;
    /// CPUID.80000001H:EDX[26].
    bool pages_1g = true;

    /// The bits of a present entry that are set though reserved; 0 when it is well formed.
    [[nodiscard]] constexpr std::uint64_t malformed(X86Entry entry, unsigned level) const {
        std::uint64_t reserved = physical_bits < 52 ? mask(51, physical_bits) : 0;
        if (!execute_disable) reserved |= X86Entry::execute_disable_bit;
        if (level >= 4) reserved |= X86Entry::page_size_bit;
        if (level == 3 && !pages_1g) reserved |= X86Entry::page_size_bit;
        // Bit 12 of a large leaf is its PAT bit.
        if ((level == 2 || level == 3) && entry.leaf(level))
            reserved |= mask(this->page_size(level).shift() - 1, 13);
        return entry.word() & reserved;
    }
    /// As RadixFormat. Bit 63 is either a permission or reserved, so it is clear.
    [[nodiscard]] constexpr bool usual(X86Entry entry, unsigned level) const {
        std::uint64_t const set = X86Entry::to_table(0).word();
        std::uint64_t const clear = X86Entry::execute_disable_bit |
                                    (level > 1 ? X86Entry::page_size_bit : 0) |
                                    bits_from(physical_bits);
        return (entry.word() & (set | clear)) == set;
    }
};

/// PAE paging of 32-bit guests. The processor holds the four PDPTEs in registers, so a walk reads
/// two levels.
template <class InputAddress, class OutputAddress>
struct X86PaeFormat : RadixFormat<InputAddress, OutputAddress, X86Entry, 2, 9> {
    static constexpr PagingMode mode = PagingMode::pae;
    /// The PDPTE registers, each of which leads to a table for one GiB.
    using Root = std::array<std::uint64_t, 4>;
    static constexpr std::uint64_t input_end = std::uint64_t{1} << 32;

    unsigned physical_bits = 52;
    bool execute_disable = true;

    static constexpr std::optional<OutputAddress> top_table(Root const& pdptes,
                                                            InputAddress input) {
        X86Entry const pdpte{pdptes[field(input.value(), 31, 30)]};
        if (!pdpte.present()) return std::nullopt;
        return OutputAddress{pdpte.table()};
    }
    [[nodiscard]] constexpr std::uint64_t malformed(X86Entry entry, unsigned level) const {
        std::uint64_t reserved = mask(62, physical_bits);
        if (!execute_disable) reserved |= X86Entry::execute_disable_bit;
        if (level == 2 && entry.leaf(level)) reserved |= mask(20, 13);
        return entry.word() & reserved;
    }
    /// As X86Format.
    [[nodiscard]] constexpr bool usual(X86Entry entry, unsigned level) const {
        std::uint64_t const set = X86Entry::to_table(0).word();
        std::uint64_t const clear =
            (level > 1 ? X86Entry::page_size_bit : 0) | mask(63, physical_bits);
        return (entry.word() & (set | clear)) == set;
    }
};

/// 32-bit paging: two levels of 1024 entries.
template <class InputAddress, class OutputAddress>
struct X86Format32 : RadixFormat<InputAddress, OutputAddress, X86Entry32, 2, 10> {
    static constexpr PagingMode mode = PagingMode::bits_32;
    /// CR4.PSE: without it bit 7 of a PDE is ignored, so that 4 MiB leaves do not exist.
    bool page_size_extension = true;

    [[nodiscard]] constexpr bool leaf(X86Entry32 entry, unsigned level) const {
        return level == 1 || (page_size_extension && entry.leaf(level));
    }
    [[nodiscard]] constexpr std::uint64_t malformed(X86Entry32 entry, unsigned level) const {
        if (level == 2 && leaf(entry, level)) return entry.word() & bit(21);
        return 0;
    }
};

/// Paging off: no level, each address is its own translation.
template <class InputAddress, class OutputAddress>
struct NoPagingFormat : RadixFormat<InputAddress, OutputAddress, X86Entry, 0, 9> {
    static constexpr PagingMode mode = PagingMode::off;
    [[nodiscard]] constexpr std::uint64_t malformed(X86Entry, unsigned) const { return 0; }
};

/// The second dimension.
template <unsigned Levels>
struct EptFormat : RadixFormat<Gpa, Hpa, EptEntry, Levels, 9> {
    static_assert(Levels == 4 || Levels == 5);

    unsigned physical_bits = 52;
    /// IA32_VMX_EPT_VPID_CAP[0].
    bool execute_only = true;
    /// IA32_VMX_EPT_VPID_CAP[16] and [17].
    bool pages_2m = true;
    bool pages_1g = true;

    /// The bits that make a present entry an EPT misconfiguration; 0 when it is well formed
    /// (Intel SDM vol. 3, "EPT Misconfigurations").
    [[nodiscard]] constexpr std::uint64_t malformed(EptEntry entry, unsigned level) const {
        std::uint64_t const word = entry.word();
        std::uint64_t wrong = word & (physical_bits < 52 ? mask(51, physical_bits) : 0);
        Permissions const allowed = entry.permissions();
        if (!allowed.read && (allowed.write || !execute_only)) wrong |= word & mask(2, 0);
        if (level >= 4) wrong |= word & mask(7, 3);
        if (level == 2 || level == 3) wrong |= malformed_directory(entry, level);
        if (level <= 3 && entry.leaf(level)) wrong |= malformed_type(word);
        return wrong;
    }
    /// As RadixFormat. A usual leaf is of memory that is written back.
    [[nodiscard]] constexpr bool usual(EptEntry entry, unsigned level) const {
        std::uint64_t const set = EptEntry::to_table(0).word();
        std::uint64_t const type =
            level > 1 ? 0 : static_cast<std::uint64_t>(MemoryType::write_back) << 3;
        std::uint64_t const clear =
            (level > 1 ? mask(7, 3) : EptEntry::memory_type_mask) | bits_from(physical_bits);
        return (entry.word() & (set | clear)) == (set | type);
    }

  private:
    [[nodiscard]] constexpr std::uint64_t malformed_directory(EptEntry entry,
                                                              unsigned level) const {
        if (!entry.leaf(level)) return entry.word() & mask(6, 3);
        if (!(level == 2 ? pages_2m : pages_1g)) return EptEntry::large_page_bit;
        return entry.word() & mask(this->page_size(level).shift() - 1, 12);
    }
    [[nodiscard]] static constexpr std::uint64_t malformed_type(std::uint64_t word) {
        std::uint64_t const type = field(word, 5, 3);
        return type == 2 || type == 3 || type == 7 ? word & EptEntry::memory_type_mask : 0;
    }
};

/// A format of a processor that is known when compiling: what it reserves is a constant of each
/// level.
template <PagingFormat Of, Of Processor = Of{}>
struct FixedFormat : Of::Radix {
    using Entry = typename Of::Entry;

    [[nodiscard]] constexpr bool leaf(Entry entry, unsigned level) const {
        return Processor.leaf(entry, level);
    }
    [[nodiscard]] constexpr std::uint64_t malformed(Entry entry, unsigned level) const {
        return Processor.malformed(entry, level);
    }
    [[nodiscard]] constexpr bool usual(Entry entry, unsigned level) const {
        return Processor.usual(entry, level);
    }
};

static_assert(PagingFormat<X86Format<Gva, Gpa, 4>> && PagingFormat<X86Format<Gva, Gpa, 5>>);
static_assert(PagingFormat<X86PaeFormat<Gva, Gpa>> && PagingFormat<X86Format32<Gva, Gpa>>);
static_assert(PagingFormat<NoPagingFormat<Gva, Gpa>>);
static_assert(PagingFormat<EptFormat<4>> && PagingFormat<EptFormat<5>>);
static_assert(PagingFormat<FixedFormat<EptFormat<4>>>);

} // namespace twofold
