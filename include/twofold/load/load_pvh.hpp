// PVH: an ELF file that names a 32-bit entry in a note (Xen, "x86/HVM direct boot ABI"). Linux's
// uncompressed vmlinux is one.
#pragma once

#include <twofold/load/load_kernel.hpp>
#include <twofold/load/pvh_note.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace twofold {

namespace pvh {

inline constexpr std::uint32_t start_magic = 0x336e'c578;

/// hvm_start_info, version 1.
struct StartInfo {
    std::uint32_t magic;
    std::uint32_t version;
    std::uint32_t flags;
    std::uint32_t module_count;
    std::uint64_t modules;
    std::uint64_t command_line;
    std::uint64_t root_system_description_pointer;
    std::uint64_t memory_map;
    std::uint32_t memory_map_entries;
    std::uint32_t reserved;
};
static_assert(sizeof(StartInfo) == 56);

/// hvm_modlist_entry.
struct Module {
    std::uint64_t address;
    std::uint64_t bytes;
    std::uint64_t command_line;
    std::uint64_t reserved;
};
static_assert(sizeof(Module) == 32);

/// hvm_memmap_table_entry.
struct MemoryMapEntry {
    std::uint64_t address;
    std::uint64_t bytes;
    std::uint32_t type;
    std::uint32_t reserved;
};
static_assert(sizeof(MemoryMapEntry) == 24);

} // namespace pvh

namespace detail {

template <class Place>
Gpa write_pvh_modules(BlockWriter<Place>& out, std::span<BootModule const> modules,
                      ModulePlaces const& places) {
    std::array<std::uint64_t, BootOptions::most_modules> lines{};
    for (std::size_t i = 0; i < modules.size(); ++i)
        lines[i] = out.text({modules[i].command_line}).value();
    Gpa const first = out.align(alignof(pvh::Module));
    for (std::size_t i = 0; i < modules.size(); ++i)
        out.value(pvh::Module{places[i].value(), modules[i].contents.size(), lines[i], 0});
    return first;
}

/// Writes all that a kernel finds, and lets `state` point to it.
template <class Place>
void write_pvh_info(BlockWriter<Place>& out, BootOptions const& options, ModulePlaces const& places,
                    BootState& state) {
    PcMemoryMap const map{options.memory_bytes};
    write_gdt(out, state);
    Gpa const line = out.text({options.arguments});
    Gpa const modules = write_pvh_modules(out, options.modules, places);
    Gpa const ranges = out.align(alignof(pvh::MemoryMapEntry));
    for (MemoryRange const& range : map.ranges()) {
        out.value(pvh::MemoryMapEntry{range.begin.value(), range.bytes,
                                      static_cast<std::uint32_t>(range.type), 0});
    }
    pvh::StartInfo const info{
        .magic = pvh::start_magic,
        .version = 1,
        .flags = 0,
        .module_count = static_cast<std::uint32_t>(options.modules.size()),
        .modules = options.modules.empty() ? 0 : modules.value(),
        .command_line = line.value(),
        .root_system_description_pointer = 0,
        .memory_map = ranges.value(),
        .memory_map_entries = static_cast<std::uint32_t>(map.ranges().size()),
        .reserved = 0,
    };
    state.rbx = out.value(info).value();
}

} // namespace detail

/// The image of a PVH kernel: its PT_LOADs, and the entry of its note.
[[nodiscard]] constexpr std::expected<KernelImage, LoadError>
parse_pvh(std::span<std::byte const> file) {
    auto const entry = find_pvh_entry(file);
    if (!entry) return std::unexpected(entry.error());
    auto image = parse_elf_kernel(file);
    if (image) image->set_entry(entry->entry, entry->field);
    return image;
}

/// Loads a PVH kernel; promises what load_multiboot does.
template <GuestMemory M>
[[nodiscard]] LoadedKernel<M> load_pvh(std::span<std::byte const> file, BootOptions const& options,
                                       M& memory) {
    auto const image = parse_pvh(file);
    if (!image) return std::unexpected(LoadFailure<GuestMemoryError<M>>{image.error()});
    return detail::load_with_information(
        *image, options, memory, protected_state(image->entry(), 0x08, 0x10),
        "the PVH start information",
        [](auto& out, BootOptions const& what, detail::ModulePlaces const& modules,
           BootState& entry) { detail::write_pvh_info(out, what, modules, entry); });
}

} // namespace twofold
