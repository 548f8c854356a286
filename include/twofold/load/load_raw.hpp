// A raw image: the file's bytes at an address, entered at the first of them.
#pragma once

#include <twofold/load/identity_map.hpp>
#include <twofold/load/load_kernel.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace twofold {

struct RawPlace {
    /// Below 4 GiB; in real mode below 1 MiB.
    Gpa address;
    ProcessorMode mode = ProcessorMode::real;
};

namespace detail {

inline constexpr elf::Field raw_address{"the load address", 0};

inline std::expected<KernelImage, LoadError> raw_image(std::span<std::byte const> file,
                                                       RawPlace const& place) {
    using enum LoadErrorKind;
    if (file.empty()) return std::unexpected(LoadError{.kind = empty_file});
    bool const real = place.mode == ProcessorMode::real;
    std::uint64_t const bound = real ? pc::extended_begin : std::uint64_t{1} << 32;
    if (place.address.value() >= bound) {
        return std::unexpected(LoadError{
            .kind = raw_address_too_high, .found = place.address.value(), .expected = bound});
    }
    KernelImage image{place.address, raw_address};
    auto const added = image.add({.begin = place.address,
                                  .memory_bytes = file.size(),
                                  .contents = file,
                                  .virtual_address = place.address.value(),
                                  .address_field = raw_address,
                                  .size_field = raw_address,
                                  .size_value = place.address.value()});
    if (!added) return std::unexpected(added.error());
    return image;
}

inline constexpr GuestOptions raw_mapping{.memory_bytes = std::uint64_t{1} << 32,
                                          .guest_page = page_2m};

/// The state that a raw image starts in; GDT and page tables get their room.
inline std::expected<BootState, LoadError> plan_raw(KernelImage const& image, ProcessorMode mode,
                                                    BootOptions const& options) {
    if (mode == ProcessorMode::real) return real_state(image.entry());
    RoomFinder room{image, options};
    BootState state = protected_state(image.entry(), 0x08, 0x10);
    if (mode == ProcessorMode::long_64) {
        std::uint64_t const tables =
            identity_map_tables(raw_mapping.memory_bytes, raw_mapping.guest_page);
        auto const cr3 = room.conventional(tables * 4096, 4096, "the first page tables");
        if (!cr3) return std::unexpected(cr3.error());
        state = long_state(image.entry(), *cr3, 0x08, 0x10);
    }
    auto const gdt = room.conventional(sizeof(gdt_for({})), block_alignment, "the GDT");
    if (!gdt) return std::unexpected(gdt.error());
    state.gdt.base = gdt->value();
    return state;
}

template <GuestMemory M>
[[nodiscard]] bool place_raw(LoadTarget<M>& target, KernelImage const& image, BootState& state) {
    if (!place_image(target, image)) return false;
    if (state.mode == ProcessorMode::real) return true;
    GuestLayout layout{};
    layout.cr3 = Gpa{state.cr3};
    return place_block(target, Gpa{state.gdt.base}, [&](auto& out) { write_gdt(out, state); }) &&
           (state.mode != ProcessorMode::long_64 || map_identity(target, layout, raw_mapping));
}

} // namespace detail

/// Loads a raw image, and with it a GDT for protected and 64-bit mode, and for 64-bit mode page
/// tables that map 4 GiB to itself. Real mode gets nothing beside the image. Modules and the
/// command line have no place in this protocol. Promises what load_multiboot does.
template <GuestMemory M>
[[nodiscard]] LoadedKernel<M> load_raw(std::span<std::byte const> file, RawPlace const& place,
                                       BootOptions const& options, M& memory) {
    auto const failed = [](LoadError const& error) {
        return std::unexpected(LoadFailure<GuestMemoryError<M>>{error});
    };
    auto const image = detail::raw_image(file, place);
    if (!image) return failed(image.error());
    if (auto const checked = check_options(options); !checked) return failed(checked.error());
    if (image->end().value() > options.memory_bytes) {
        return failed({.kind = LoadErrorKind::raw_outside_memory,
                       .found = image->end().value(),
                       .expected = options.memory_bytes});
    }
    auto state = detail::plan_raw(*image, place.mode, options);
    if (!state) return failed(state.error());

    LoadTarget<M> target{memory, options.memory_reads_zero};
    if (!detail::place_raw(target, *image, *state)) return detail::refused_by_memory(target);
    return *state;
}

} // namespace twofold
