// Linux bzImage with an initrd, entered at its 32-bit or its 64-bit entry (Linux,
// Documentation/arch/x86/boot). memtest86+ is such a file too.
#pragma once

#include <twofold/load/identity_map.hpp>
#include <twofold/load/linux_header.hpp>
#include <twofold/load/load_kernel.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace twofold {

enum class LinuxEntry : std::uint8_t {
    /// The 64-bit one where the kernel has it.
    best,
    entry_32,
    entry_64,
};

namespace linux_boot {
/// The zero page (boot_params): what is filled in beside the setup header.
inline constexpr std::uint64_t zero_page_bytes = 4096;
inline constexpr std::uint64_t e820_entries = 0x1e8;
inline constexpr std::uint64_t type_of_loader = 0x210;
inline constexpr std::uint64_t code32_start_copy = 0x214;
inline constexpr std::uint64_t ramdisk_image = 0x218;
inline constexpr std::uint64_t ramdisk_size = 0x21c;
inline constexpr std::uint64_t cmd_line_ptr = 0x228;
inline constexpr std::uint64_t e820_table = 0x2d0;
/// A boot loader without an assigned number.
inline constexpr std::uint8_t undefined_loader = 0xff;

inline constexpr std::uint16_t code_selector = 0x10;
inline constexpr std::uint16_t data_selector = 0x18;
/// The 64-bit entry's first page tables map this much to itself, as the 32-bit entry's own do.
inline constexpr std::uint64_t mapped_bytes = std::uint64_t{1} << 32;

/// 20 bytes, of which the 64-bit numbers are not aligned in the table.
struct E820Entry {
    std::uint32_t words[5];

    static constexpr E820Entry of(MemoryRange const& range) {
        auto const low = [](std::uint64_t value) { return static_cast<std::uint32_t>(value); };
        std::uint64_t const begin = range.begin.value();
        return {{low(begin), low(begin >> 32), low(range.bytes), low(range.bytes >> 32),
                 static_cast<std::uint32_t>(range.type)}};
    }
};
static_assert(sizeof(E820Entry) == 20);
} // namespace linux_boot

namespace detail {

/// Where everything that a Linux kernel starts with lies.
struct LinuxLayout {
    BootState state;
    Gpa zero_page;
    Gpa command_line;
    Gpa initrd;
    /// Page tables; 0 for the 32-bit entry.
    Gpa tables;
};

inline GuestOptions linux_mapping() {
    return {.memory_bytes = linux_boot::mapped_bytes, .guest_page = page_2m};
}

inline std::expected<LinuxEntry, LoadError> choose_entry(LinuxHeader const& header,
                                                         LinuxEntry wanted) {
    if (wanted == LinuxEntry::best)
        return header.has_64_bit_entry() ? LinuxEntry::entry_64 : LinuxEntry::entry_32;
    if (wanted == LinuxEntry::entry_64 && !header.has_64_bit_entry()) {
        return std::unexpected(LoadError{LoadErrorKind::no_64_bit_entry,
                                         linux_boot::xloadflags.offset, linux_boot::xloadflags.name,
                                         0, linux_boot::kernel_64});
    }
    return wanted;
}

inline std::expected<void, LoadError> check_linux_options(LinuxHeader const& header,
                                                          BootOptions const& options) {
    if (auto const checked = check_options(options); !checked) return checked;
    if (options.modules.size() > 1) {
        return std::unexpected(LoadError{.kind = LoadErrorKind::too_many_modules,
                                         .found = options.modules.size(),
                                         .expected = 1});
    }
    if (options.arguments.size() > header.most_command_line()) {
        return std::unexpected(LoadError{.kind = LoadErrorKind::command_line_too_long,
                                         .found = options.arguments.size(),
                                         .expected = header.most_command_line()});
    }
    return {};
}

/// Finds room for zero page, GDT, command line and initrd.
inline std::expected<LinuxLayout, LoadError>
lay_out_linux(LinuxHeader const& header, KernelImage const& image, BootOptions const& options) {
    LinuxLayout layout{};
    RoomFinder room{image, options};
    auto const zero_page = room.conventional(linux_boot::zero_page_bytes, 4096, "the zero page");
    if (!zero_page) return std::unexpected(zero_page.error());
    auto const line =
        room.conventional(options.arguments.size() + 1 + sizeof(gdt_for({})) + block_alignment,
                          block_alignment, "the command line");
    if (!line) return std::unexpected(line.error());
    if (!options.modules.empty()) {
        auto const initrd =
            room.below(header.initrd_end(), options.modules[0].contents.size(), 4096, "the initrd");
        if (!initrd) return std::unexpected(initrd.error());
        layout.initrd = *initrd;
    }
    auto const tables =
        room.conventional(identity_map_tables(linux_boot::mapped_bytes, page_2m) * 4096, 4096,
                          "the first page tables");
    if (!tables) return std::unexpected(tables.error());
    layout.zero_page = *zero_page;
    layout.command_line = *line;
    layout.tables = *tables;
    return layout;
}

inline BootState linux_state(KernelImage const& image, LinuxLayout const& layout,
                             LinuxEntry entry) {
    using namespace linux_boot;
    BootState state = entry == LinuxEntry::entry_64
                          ? long_state(image.entry() + entry_64_offset, layout.tables,
                                       code_selector, data_selector)
                          : protected_state(image.entry(), code_selector, data_selector);
    state.rsi = layout.zero_page.value();
    return state;
}

/// The setup header over zeros, then what the boot loader has to say.
template <GuestMemory M>
[[nodiscard]] bool place_zero_page(LoadTarget<M>& target, LinuxHeader const& header,
                                   LinuxLayout const& layout, BootOptions const& options) {
    using namespace linux_boot;
    Gpa const page = layout.zero_page;
    PcMemoryMap const map{options.memory_bytes};
    auto const put = [&]<class T>(std::uint64_t offset, T value) {
        return target.template write<T>(page + offset, value).has_value();
    };
    auto const put_32 = [&](std::uint64_t offset, std::uint64_t value) {
        return put(offset, static_cast<std::uint32_t>(value));
    };
    if (!target.clear(page, zero_page_bytes) ||
        !target.place(page + setup_sects.offset, header.bytes()) ||
        !put(type_of_loader, undefined_loader) ||
        !put_32(code32_start_copy, header.load_address()) ||
        !put_32(cmd_line_ptr, layout.command_line.value()) ||
        !put(e820_entries, static_cast<std::uint8_t>(map.ranges().size())))
        return false;
    if (!options.modules.empty() && (!put_32(ramdisk_image, layout.initrd.value()) ||
                                     !put_32(ramdisk_size, options.modules[0].contents.size())))
        return false;
    std::uint64_t offset = e820_table;
    return std::ranges::all_of(map.ranges(), [&](MemoryRange const& range) {
        return put(std::exchange(offset, offset + sizeof(E820Entry)), E820Entry::of(range));
    });
}

template <GuestMemory M>
[[nodiscard]] bool place_linux(LoadTarget<M>& target, LinuxHeader const& header,
                               KernelImage const& image, LinuxLayout& layout,
                               BootOptions const& options) {
    auto const write = [&](auto& out) {
        out.text({options.arguments});
        write_gdt(out, layout.state);
    };
    GuestLayout mapping{};
    mapping.cr3 = layout.tables;
    return place_image(target, image) &&
           place_modules(target, options.modules, ModulePlaces{layout.initrd}) &&
           place_block(target, layout.command_line, write) &&
           place_zero_page(target, header, layout, options) &&
           (layout.state.mode != ProcessorMode::long_64 ||
            map_identity(target, mapping, linux_mapping()));
}

} // namespace detail

/// Loads a bzImage; its one module is the initrd. Promises what load_multiboot does.
template <GuestMemory M>
[[nodiscard]] LoadedKernel<M> load_linux(std::span<std::byte const> file,
                                         BootOptions const& options, M& memory,
                                         LinuxEntry wanted = LinuxEntry::best) {
    auto const failed = [](LoadError const& error) {
        return std::unexpected(LoadFailure<GuestMemoryError<M>>{error});
    };
    auto const header = LinuxHeader::read(file);
    if (!header) return failed(header.error());
    auto const entry = detail::choose_entry(*header, wanted);
    if (!entry) return failed(entry.error());
    auto const image = linux_image(*header);
    if (!image) return failed(image.error());
    if (auto const checked = detail::check_linux_options(*header, options); !checked)
        return failed(checked.error());
    if (auto const fits = image->check_in_memory(options.memory_bytes); !fits)
        return failed(fits.error());
    auto layout = detail::lay_out_linux(*header, *image, options);
    if (!layout) return failed(layout.error());
    layout->state = detail::linux_state(*image, *layout, *entry);

    LoadTarget<M> target{memory, options.memory_reads_zero};
    if (!detail::place_linux(target, *header, *image, *layout, options))
        return detail::refused_by_memory(target);
    return layout->state;
}

} // namespace twofold
