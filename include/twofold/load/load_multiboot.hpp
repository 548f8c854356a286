// Multiboot, version 1: what most tiny kernels use (Multiboot Specification 0.6.96).
#pragma once

#include <twofold/load/load_kernel.hpp>
#include <twofold/load/multiboot_header.hpp>
#include <twofold/load/multiboot_info.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace twofold {

namespace detail {

/// The gpa as the 32-bit field of a structure.
constexpr std::uint32_t pointer_32(Gpa gpa) { return static_cast<std::uint32_t>(gpa.value()); }

template <class Place>
std::uint32_t write_multiboot_modules(BlockWriter<Place>& out, std::span<BootModule const> modules,
                                      ModulePlaces const& places) {
    std::array<std::uint32_t, BootOptions::most_modules> strings{};
    for (std::size_t i = 0; i < modules.size(); ++i)
        strings[i] = pointer_32(out.text({modules[i].command_line}));
    Gpa const first = out.align(alignof(multiboot::Module));
    for (std::size_t i = 0; i < modules.size(); ++i) {
        out.value(multiboot::Module{
            .mod_start = pointer_32(places[i]),
            .mod_end = pointer_32(places[i] + modules[i].contents.size()),
            .string = strings[i],
            .reserved = 0,
        });
    }
    return pointer_32(first);
}

/// Writes all that a kernel finds, and lets `state` point to it.
template <class Place>
void write_multiboot_info(BlockWriter<Place>& out, BootOptions const& options,
                          ModulePlaces const& places, BootState& state) {
    using namespace multiboot;
    PcMemoryMap const map{options.memory_bytes};
    write_gdt(out, state);
    std::uint32_t const line = pointer_32(
        out.text({options.name, options.arguments.empty() ? "" : " ", options.arguments}));
    std::uint32_t const loader = pointer_32(out.text({"Twofold"}));
    std::uint32_t const modules = write_multiboot_modules(out, options.modules, places);
    Gpa const ranges = out.align(alignof(MemoryMapEntry));
    for (MemoryRange const& range : map.ranges())
        out.value(MemoryMapEntry::of(range));

    Info info{};
    info.flags = info_flag::memory | info_flag::command_line | info_flag::modules |
                 info_flag::memory_map | info_flag::boot_loader_name;
    info.mem_lower = static_cast<std::uint32_t>(map.conventional_bytes() / 1024);
    info.mem_upper = static_cast<std::uint32_t>(map.extended_bytes() / 1024);
    info.cmdline = line;
    info.mods_count = static_cast<std::uint32_t>(options.modules.size());
    info.mods_addr = modules;
    info.mmap_length = static_cast<std::uint32_t>(map.ranges().size() * sizeof(MemoryMapEntry));
    info.mmap_addr = pointer_32(ranges);
    info.boot_loader_name = loader;
    state.rbx = out.value(info).value();
}

} // namespace detail

/// Loads a Multiboot kernel. Nothing is written unless all of it fits; nothing is written outside
/// [0, options.memory_bytes). After LoadErrorKind::memory_failed the memory's contents are
/// undefined.
template <GuestMemory M>
[[nodiscard]] LoadedKernel<M> load_multiboot(std::span<std::byte const> file,
                                             BootOptions const& options, M& memory) {
    auto const image = parse_multiboot(file);
    if (!image) return std::unexpected(LoadFailure<GuestMemoryError<M>>{image.error()});
    BootState state = protected_state(image->entry(), 0x08, 0x10);
    state.rax = multiboot::loader_magic;
    return detail::load_with_information(
        *image, options, memory, state, "the Multiboot information",
        [](auto& out, BootOptions const& what, detail::ModulePlaces const& modules,
           BootState& entry) { detail::write_multiboot_info(out, what, modules, entry); });
}

} // namespace twofold
