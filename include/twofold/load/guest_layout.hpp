// Where everything that a guest starts with lies in its memory: the image where it was linked to,
// and right above it the launch information, the command line, and the first page tables.
#pragma once

#include <twofold/abi/launch_info.hpp>
#include <twofold/arch/paging_format.hpp>
#include <twofold/load/elf.hpp>

#include <cstdint>
#include <expected>
#include <string_view>

namespace twofold {

/// The first page tables of a guest.
using GuestPaging = X86Format<Gva, Gpa, 4>;

struct GuestOptions {
    /// Bytes; a multiple of 4096, above 0, at most most_guest_memory.
    std::uint64_t memory_bytes;
    /// 4K, 2M or 1G.
    PageSize guest_page = page_4k;
    /// log2 of the EPT's leaves, for LaunchInfo; 0 natively.
    std::uint8_t host_page_shift = 0;
    abi::Habitat habitat = abi::Habitat::native;
    /// As LaunchInfo has it.
    std::string_view command_line = {};
    /// The guest's memory is known to read as zero before anything is loaded.
    bool memory_reads_zero = false;
};

struct GuestLayout {
    Gpa entry;
    /// LaunchInfo; the command line follows at once.
    Gpa launch_info;
    /// The top table; the others follow, `tables` in all, each of 4096 bytes.
    Gpa cr3;
    std::uint64_t tables;
    Gpa free_begin;

    [[nodiscard]] constexpr Gpa command_line() const {
        return launch_info + sizeof(abi::LaunchInfo);
    }
};

/// How many tables it takes to map [0, `memory_bytes`) by leaves of `page`.
constexpr std::uint64_t identity_map_tables(std::uint64_t memory_bytes, PageSize page) {
    std::uint64_t tables = 0;
    for (unsigned level = GuestPaging::level_of(page); level <= GuestPaging::levels; ++level)
        tables += pages_for(memory_bytes, GuestPaging::page_size(level + 1));
    return tables;
}

/// Lays a guest out from `image` up, as if memory had no end but `memory_bytes` were mapped.
constexpr GuestLayout lay_out(ElfImage const& image, GuestOptions const& options,
                              std::uint64_t memory_bytes) {
    auto const page_above = [](Gpa gpa) {
        return (gpa + (page_4k.bytes() - 1)).aligned_down(4096);
    };
    GuestLayout layout{};
    layout.entry = image.entry();
    layout.launch_info = page_above(image.end());
    layout.cr3 = page_above(layout.command_line() + options.command_line.size());
    layout.tables = identity_map_tables(memory_bytes, options.guest_page);
    layout.free_begin = layout.cr3 + layout.tables * page_4k.bytes();
    return layout;
}

/// The least memory that holds the guest, the tables that map just this memory included. Bytes.
constexpr std::uint64_t least_memory(ElfImage const& image, GuestOptions const& options) {
    std::uint64_t bytes = page_4k.bytes();
    while (true) {
        std::uint64_t const needed = lay_out(image, options, bytes).free_begin.value();
        if (needed <= bytes) return bytes;
        bytes = needed;
    }
}

/// Checks that the guest fits into its memory, and says where its parts go.
[[nodiscard]] constexpr std::expected<GuestLayout, LoadError>
plan_guest(ElfImage const& image, GuestOptions const& options) {
    using namespace elf::program_header_field;
    using enum LoadErrorKind;
    std::uint64_t const memory = options.memory_bytes;
    if (memory == 0 || memory % page_4k.bytes() != 0 || memory > most_guest_memory) {
        return std::unexpected(
            LoadError{.kind = bad_memory_size, .found = memory, .expected = most_guest_memory});
    }
    if (auto const level = GuestPaging::level_of(options.guest_page); level == 0 || level > 3) {
        return std::unexpected(LoadError{.kind = bad_guest_page,
                                         .found = options.guest_page.shift(),
                                         .expected = page_1g.shift()});
    }
    std::uint64_t const needed = least_memory(image, options);
    for (ElfSegment const& segment : image.segments()) {
        if (segment.begin.value() >= memory)
            return segment.error(segment_outside_memory, p_paddr, segment.begin.value(), needed);
        if (segment.memory_bytes > memory - segment.begin.value())
            return segment.error(segment_outside_memory, p_memsz, segment.memory_bytes, needed);
    }
    GuestLayout const layout = lay_out(image, options, memory);
    if (layout.free_begin.value() > memory) {
        return std::unexpected(
            LoadError{.kind = memory_too_small, .found = memory, .expected = needed});
    }
    return layout;
}

} // namespace twofold
