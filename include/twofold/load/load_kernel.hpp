// What the loaders of all boot protocols share: finding room, writing the image, its modules and a
// block of structures.
#pragma once

#include <twofold/load/block_writer.hpp>
#include <twofold/load/boot_options.hpp>
#include <twofold/load/boot_state.hpp>
#include <twofold/load/guest_memory.hpp>
#include <twofold/load/kernel_image.hpp>
#include <twofold/load/load_failure.hpp>
#include <twofold/load/placement.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

namespace twofold {

/// The state that the kernel starts in, or why it cannot be loaded.
template <GuestMemory M>
using LoadedKernel = std::expected<BootState, LoadFailure<GuestMemoryError<M>>>;

namespace detail {

/// Where the modules of a kernel went.
using ModulePlaces = std::array<Gpa, BootOptions::most_modules>;

/// Finds room for what a loader adds. Everything lies where 32 bits reach it.
class RoomFinder {
  public:
    RoomFinder(KernelImage const& image, BootOptions const& options)
        : placement_(PcMemoryMap{options.memory_bytes}),
          end_(std::min(options.memory_bytes, std::uint64_t{1} << 32)), above_(image.end()) {
        // The interrupt vectors and the BIOS data area of real mode.
        placement_.take({Gpa{0}, 0x1000});
        for (KernelSegment const& segment : image.segments())
            placement_.take({segment.begin, segment.memory_bytes});
    }

    /// Conventional memory, from its end down: there it is out of the way of a kernel that uses the
    /// memory behind its image without asking. Else the lowest room.
    [[nodiscard]] std::expected<Gpa, LoadError>
    conventional(std::uint64_t bytes, std::uint64_t alignment, std::string_view what) {
        GpaRange const low{Gpa{0}, std::min(end_, pc::conventional_end)};
        if (auto const found = placement_.highest(bytes, alignment, low)) return *found;
        return found_or(placement_.lowest(bytes, alignment, {Gpa{0}, end_}), bytes, end_, what);
    }
    /// The lowest room behind the image and the modules.
    [[nodiscard]] std::expected<Gpa, LoadError>
    behind_image(std::uint64_t bytes, std::uint64_t alignment, std::string_view what) {
        std::uint64_t const from = std::min(std::max(above_.value(), pc::extended_begin), end_);
        return found_or(placement_.lowest(bytes, alignment, {Gpa{from}, end_ - from}), bytes, end_,
                        what);
    }
    /// The highest room below `bound`.
    [[nodiscard]] std::expected<Gpa, LoadError> below(std::uint64_t bound, std::uint64_t bytes,
                                                      std::uint64_t alignment,
                                                      std::string_view what) {
        std::uint64_t const end = std::min(bound, end_);
        return found_or(placement_.highest(bytes, alignment, {Gpa{0}, end}), bytes, end, what);
    }
    /// Page by page behind the image, in their order.
    [[nodiscard]] std::expected<ModulePlaces, LoadError>
    modules(std::span<BootModule const> modules) {
        ModulePlaces places{};
        for (std::size_t i = 0; i < modules.size(); ++i) {
            auto const place = behind_image(modules[i].contents.size(), 4096, "a module");
            if (!place) return std::unexpected(place.error());
            places[i] = *place;
            above_ = *place + modules[i].contents.size();
        }
        return places;
    }

  private:
    static std::expected<Gpa, LoadError> found_or(std::optional<Gpa> found, std::uint64_t bytes,
                                                  std::uint64_t end, std::string_view what) {
        if (found) return *found;
        return std::unexpected(LoadError{
            .kind = LoadErrorKind::no_room, .field = what, .found = bytes, .expected = end});
    }

    Placement placement_;
    std::uint64_t end_;
    Gpa above_;
};

template <GuestMemory M>
[[nodiscard]] bool place_image(LoadTarget<M>& target, KernelImage const& image) {
    return std::ranges::all_of(image.segments(), [&](KernelSegment const& segment) {
        std::uint64_t const in_file = segment.contents.size();
        return (in_file == 0 || target.place(segment.begin, segment.contents)) &&
               target.clear(segment.begin + in_file, segment.memory_bytes - in_file);
    });
}

template <GuestMemory M>
[[nodiscard]] bool place_modules(LoadTarget<M>& target, std::span<BootModule const> modules,
                                 ModulePlaces const& places) {
    for (std::size_t i = 0; i < modules.size(); ++i) {
        if (!modules[i].contents.empty() && !target.place(places[i], modules[i].contents))
            return false;
    }
    return true;
}

/// Writes what `write(BlockWriter&)` writes to `at`.
template <GuestMemory M, class Write>
[[nodiscard]] bool place_block(LoadTarget<M>& target, Gpa at, Write&& write) {
    BlockWriter writer{at, [&](Gpa gpa, std::span<std::byte const> bytes) {
                           return bytes.empty() || target.place(gpa, bytes);
                       }};
    write(writer);
    return writer.written();
}

/// The GDT of `state`, which learns its place.
template <class Place>
void write_gdt(BlockWriter<Place>& out, BootState& state) {
    auto const table = gdt_for(state);
    state.gdt = {out.value(table).value(), sizeof table - 1};
}

template <GuestMemory M>
[[nodiscard]] std::unexpected<LoadFailure<GuestMemoryError<M>>>
refused_by_memory(LoadTarget<M> const& target) {
    auto const& refusal = *target.refusal();
    return std::unexpected(LoadFailure<GuestMemoryError<M>>{
        LoadError{.kind = LoadErrorKind::memory_failed, .found = refusal.gpa.value()},
        refusal.error});
}

/// Loads `image`, its modules, and the structures that `write(BlockWriter&, options, places of the
/// modules, state)` writes and lets `state` point to. `what` names them in an error.
template <GuestMemory M, class Write>
[[nodiscard]] LoadedKernel<M>
load_with_information(KernelImage const& image, BootOptions const& options, M& memory,
                      BootState state, std::string_view what, Write const& write) {
    auto const failed = [](LoadError const& error) {
        return std::unexpected(LoadFailure<GuestMemoryError<M>>{error});
    };
    if (auto const checked = check_options(options); !checked) return failed(checked.error());
    if (auto const fits = image.check_in_memory(options.memory_bytes); !fits)
        return failed(fits.error());
    RoomFinder room{image, options};
    auto const modules = room.modules(options.modules);
    if (!modules) return failed(modules.error());
    auto const write_all = [&](auto& out) { write(out, options, *modules, state); };
    auto const block = room.conventional(measure_block(write_all), block_alignment, what);
    if (!block) return failed(block.error());

    LoadTarget<M> target{memory, options.memory_reads_zero};
    if (!place_image(target, image) || !place_modules(target, options.modules, *modules) ||
        !place_block(target, *block, write_all)) {
        return refused_by_memory(target);
    }
    return state;
}

} // namespace detail

} // namespace twofold
