// A kernel of any boot protocol as it lies in memory, before anything is added to it.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/arch/bits.hpp>
#include <twofold/load/elf_format.hpp>
#include <twofold/load/load_error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>

namespace twofold {

/// `contents` at `begin`, then zeros up to `memory_bytes`.
struct KernelSegment {
    Gpa begin;
    /// `end()` is at most most_guest_memory.
    std::uint64_t memory_bytes = 0;
    /// Not longer than `memory_bytes`; a part of the file.
    std::span<std::byte const> contents;
    /// Where the kernel will see `begin` once it has its own page tables.
    std::uint64_t virtual_address = 0;
    /// The fields of the file that say where the segment begins and ends; offsets in the file.
    elf::Field address_field{};
    elf::Field size_field{};
    /// What `size_field` holds: a length or an end, as its protocol has it.
    std::uint64_t size_value = 0;
    std::optional<std::uint16_t> program_header = std::nullopt;

    [[nodiscard]] constexpr Gpa end() const { return begin + memory_bytes; }
};

/// Refers to the file's bytes, which must outlive it. Segments do not overlap; the entry may lie
/// outside all of them.
class KernelImage {
  public:
    static constexpr std::size_t most_segments = 32;

    constexpr KernelImage() = default;
    constexpr KernelImage(Gpa entry, elf::Field entry_field)
        : entry_(entry), entry_field_(entry_field) {}

    [[nodiscard]] constexpr Gpa entry() const { return entry_; }
    constexpr void set_entry(Gpa entry, elf::Field entry_field) {
        entry_ = entry;
        entry_field_ = entry_field;
    }
    [[nodiscard]] constexpr std::span<KernelSegment const> segments() const {
        return std::span{segments_}.first(count_);
    }
    /// The first gpa above all segments.
    [[nodiscard]] constexpr Gpa end() const {
        Gpa end;
        for (KernelSegment const& segment : segments())
            end = std::max(end, segment.end());
        return end;
    }

    /// An entry that is given as the kernel's own virtual address becomes the gpa that it means.
    constexpr void translate_entry() {
        for (KernelSegment const& segment : segments()) {
            std::uint64_t const offset = entry_.value() - segment.virtual_address;
            if (entry_.value() >= segment.virtual_address && offset < segment.memory_bytes) {
                entry_ = segment.begin + offset;
                return;
            }
        }
    }

    [[nodiscard]] constexpr std::expected<void, LoadError> add(KernelSegment const& segment) {
        for (KernelSegment const& other : segments()) {
            if (segment.begin < other.end() && other.begin < segment.end()) {
                return error(LoadErrorKind::segments_overlap, segment, segment.address_field,
                             segment.begin.value(), other.program_header.value_or(0));
            }
        }
        if (count_ == most_segments) {
            return error(LoadErrorKind::too_many_segments, segment, segment.address_field,
                         segment.begin.value(), most_segments);
        }
        segments_[count_++] = segment;
        return {};
    }

    /// Whether all of it lies in [0, memory_bytes) and the entry can be reached with 32 bits.
    [[nodiscard]] constexpr std::expected<void, LoadError>
    check_in_memory(std::uint64_t memory_bytes) const {
        using enum LoadErrorKind;
        std::uint64_t const needed = aligned_up(end().value(), 4096);
        for (KernelSegment const& segment : segments()) {
            if (segment.begin.value() >= memory_bytes) {
                return error(segment_outside_memory, segment, segment.address_field,
                             segment.begin.value(), needed);
            }
            if (segment.memory_bytes > memory_bytes - segment.begin.value()) {
                return error(segment_outside_memory, segment, segment.size_field,
                             segment.size_value, needed);
            }
        }
        std::uint64_t const entry_end = std::min(memory_bytes, std::uint64_t{1} << 32);
        if (entry_.value() >= entry_end) {
            return std::unexpected(LoadError{entry_outside_memory, entry_field_.offset,
                                             entry_field_.name, entry_.value(), entry_end});
        }
        return {};
    }

  private:
    static constexpr std::unexpected<LoadError> error(LoadErrorKind kind,
                                                      KernelSegment const& segment,
                                                      elf::Field field, std::uint64_t found,
                                                      std::uint64_t expected) {
        return std::unexpected(
            LoadError{kind, field.offset, field.name, found, expected, segment.program_header});
    }

    Gpa entry_;
    elf::Field entry_field_{};
    std::array<KernelSegment, most_segments> segments_{};
    std::size_t count_ = 0;
};

} // namespace twofold
