// Puts a guest of the family into its memory, in the state that abi/launch_info.hpp promises.
#pragma once

#include <twofold/abi/launch_info.hpp>
#include <twofold/load/elf.hpp>
#include <twofold/load/guest_layout.hpp>
#include <twofold/load/guest_memory.hpp>
#include <twofold/load/identity_map.hpp>
#include <twofold/load/load_failure.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <expected>
#include <span>

namespace twofold {

namespace detail {

template <GuestMemory M>
[[nodiscard]] bool place_segments(LoadTarget<M>& target, ElfImage const& image) {
    return std::ranges::all_of(image.segments(), [&](ElfSegment const& segment) {
        std::uint64_t const in_file = segment.contents.size();
        return target.place(segment.begin, segment.contents) &&
               target.clear(segment.begin + in_file, segment.memory_bytes - in_file);
    });
}

template <GuestMemory M>
[[nodiscard]] bool place_launch_info(LoadTarget<M>& target, GuestLayout const& layout,
                                     GuestOptions const& options) {
    abi::LaunchInfo const info{
        .magic = abi::LaunchInfo::expected_magic,
        .memory_bytes = options.memory_bytes,
        .free_begin = layout.free_begin.value(),
        .command_line = layout.command_line().value(),
        .command_line_bytes = options.command_line.size(),
        .guest_page_shift = static_cast<std::uint8_t>(options.guest_page.shift()),
        .host_page_shift = options.host_page_shift,
        .habitat = options.habitat,
        .reserved = {},
    };
    return target.place(layout.launch_info,
                        std::bit_cast<std::array<std::byte, sizeof info>>(info)) &&
           target.place(layout.command_line(), std::as_bytes(std::span{options.command_line}));
}

} // namespace detail

/// Loads `image`. Nothing is written unless all of it fits; nothing is written outside
/// [0, options.memory_bytes). After LoadErrorKind::memory_failed the memory's contents are
/// undefined.
template <GuestMemory M>
[[nodiscard]] std::expected<GuestLayout, LoadFailure<GuestMemoryError<M>>>
load_guest(ElfImage const& image, GuestOptions const& options, M& memory) {
    using Failure = LoadFailure<GuestMemoryError<M>>;
    auto const layout = plan_guest(image, options);
    if (!layout) return std::unexpected(Failure{layout.error()});

    LoadTarget<M> target{memory, options.memory_reads_zero};
    if (!detail::place_segments(target, image) ||
        !detail::place_launch_info(target, *layout, options) ||
        !detail::map_identity(target, *layout, options)) {
        auto const& refusal = *target.refusal();
        return std::unexpected(
            Failure{LoadError{.kind = LoadErrorKind::memory_failed, .found = refusal.gpa.value()},
                    refusal.error});
    }
    return *layout;
}

/// The same from the file's bytes.
template <GuestMemory M>
[[nodiscard]] std::expected<GuestLayout, LoadFailure<GuestMemoryError<M>>>
load_guest(std::span<std::byte const> file, GuestOptions const& options, M& memory) {
    auto const image = parse_elf(file);
    if (!image) return std::unexpected(LoadFailure<GuestMemoryError<M>>{image.error()});
    return load_guest(*image, options, memory);
}

} // namespace twofold
