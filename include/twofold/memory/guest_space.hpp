// One guest's gpa space: EPT over the frame pool, filled as the guest touches it.
#pragma once

#include <twofold/memory/frame_pool.hpp>
#include <twofold/memory/violation.hpp>
#include <twofold/paging/map.hpp>
#include <twofold/paging/walk.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <utility>

namespace twofold {

/// Host memory as a space needs it: page-table words, and the contents of frames.
template <class M>
concept HostMemory = WritableMemory<M, Hpa, std::uint64_t> &&
    requires(M& memory, Hpa hpa, std::span<std::byte const> from, std::span<std::byte> to,
             std::uint64_t bytes) {
    memory.zero(hpa, bytes);
    memory.copy_in(hpa, from);
    memory.copy_out(hpa, to);
};

enum class SpaceError : std::uint8_t {
    /// The gpa lies beyond the guest's memory.
    outside_memory,
    /// No frame is left. Nothing has changed.
    out_of_frames,
    /// The gpa is mapped, and the mapping forbids the access.
    denied,
    /// Memory is zero, beyond what the format translates, or not a multiple of the leaf size.
    bad_memory_size,
    /// The format has no leaf of the wanted size.
    bad_page_size,
};

/// How a violation was answered.
struct Resolution {
    enum class Kind : std::uint8_t {
        /// A fresh zeroed frame was mapped.
        zero_filled,
        /// The mapping was there and allows the access: somebody else was faster.
        already_mapped,
    };
    Kind kind;
    Duty duty;
};

struct SpaceOptions {
    /// Bytes; the guest's memory is [0, memory_bytes).
    std::uint64_t memory_bytes;
    /// The size of each leaf, and so of each frame that a violation brings.
    PageSize leaf = page_4k;
};

/// A space owns its tables and the frames that its leaves map, and gives all of them back when it
/// ends.
template <PagingFormat Ept, HostMemory Memory>
class GuestSpace {
  public:
    [[nodiscard]] static std::expected<GuestSpace, SpaceError>
    create(FramePool& pool, Memory memory, Ept const& format, SpaceOptions const& options);

    GuestSpace(GuestSpace&& other) noexcept
        : pool_(other.pool_), memory_(std::move(other.memory_)), format_(other.format_),
          options_(other.options_), leaf_level_(other.leaf_level_),
          root_(std::exchange(other.root_, std::nullopt)), leaves_(other.leaves_),
          tables_(other.tables_) {}
    GuestSpace& operator=(GuestSpace&&) = delete;
    ~GuestSpace() { release_everything(); }

    /// Answers a violation. On success the access can be repeated once the duty is done.
    /// Flattened: this is the path that every first touch takes, and calls are a fifth of it.
    [[nodiscard, gnu::flatten]] std::expected<Resolution, SpaceError>
    resolve(Violation const& violation);

    /// Maps all memory that is not mapped yet.
    [[nodiscard]] std::expected<Duty, SpaceError> populate();

    /// Where `gpa` lies, if it is mapped. Changes nothing.
    [[nodiscard]] std::optional<Hpa> translate(Gpa gpa) const;

    /// Copies into, zeroes, or copies out of guest memory, bringing in frames as a guest's own
    /// access would. Nothing is touched beyond the guest's memory; what comes before a failure
    /// stays done.
    [[nodiscard]] std::expected<void, SpaceError> write(Gpa to, std::span<std::byte const> bytes);
    [[nodiscard]] std::expected<void, SpaceError> zero(Gpa from, std::uint64_t bytes);
    [[nodiscard]] std::expected<void, SpaceError> read(Gpa from, std::span<std::byte> bytes);

    [[nodiscard]] Hpa root() const { return *root_; }
    [[nodiscard]] Ept const& format() const { return format_; }
    [[nodiscard]] Memory& memory() { return memory_; }
    [[nodiscard]] SpaceOptions const& options() const { return options_; }
    /// Frames of 4 KiB that hold the guest's memory, and that hold EPT tables, the root included.
    [[nodiscard]] std::uint64_t memory_frames() const { return leaves_ * options_.leaf.frames(); }
    [[nodiscard]] std::uint64_t table_frames() const { return tables_; }

  private:
    GuestSpace(FramePool& pool, Memory memory, Ept const& format, SpaceOptions const& options)
        : pool_(&pool), memory_(std::move(memory)), format_(format), options_(options),
          leaf_level_(Ept::level_of(options.leaf)) {}

    /// Gives tables to the editor out of the pool.
    struct Tables {
        GuestSpace& space;
        std::optional<Hpa> allocate_table();
        void free_table(Hpa table);
    };

    std::expected<Hpa, SpaceError> host_address(Gpa gpa, Access access);
    template <class Action>
    std::expected<void, SpaceError> for_each_piece(Gpa gpa, std::uint64_t bytes, Access access,
                                                   Action&& action);
    std::expected<Resolution, SpaceError> fill(Slot<Ept> const& slot, Gpa gpa);
    void release_everything();

    FramePool* pool_;
    Memory memory_;
    Ept format_;
    SpaceOptions options_;
    unsigned leaf_level_;
    std::optional<Hpa> root_;
    std::uint64_t leaves_ = 0;
    std::uint64_t tables_ = 0;
};

template <PagingFormat Ept, HostMemory Memory>
std::expected<GuestSpace<Ept, Memory>, SpaceError>
GuestSpace<Ept, Memory>::create(FramePool& pool, Memory memory, Ept const& format,
                                SpaceOptions const& options) {
    std::uint64_t const bytes = options.memory_bytes;
    if (Ept::level_of(options.leaf) == 0) return std::unexpected(SpaceError::bad_page_size);
    if (bytes == 0 || bytes % options.leaf.bytes() != 0 ||
        bytes > Ept::page_size(Ept::levels + 1).bytes()) {
        return std::unexpected(SpaceError::bad_memory_size);
    }
    GuestSpace space{pool, std::move(memory), format, options};
    space.root_ = Tables{space}.allocate_table();
    if (!space.root_) return std::unexpected(SpaceError::out_of_frames);
    return space;
}

template <PagingFormat Ept, HostMemory Memory>
std::optional<Hpa> GuestSpace<Ept, Memory>::Tables::allocate_table() {
    auto const table = space.pool_->allocate(0);
    if (!table) return std::nullopt;
    space.memory_.zero(*table, page_4k.bytes());
    ++space.tables_;
    return table;
}

template <PagingFormat Ept, HostMemory Memory>
void GuestSpace<Ept, Memory>::Tables::free_table(Hpa table) {
    space.pool_->release(table);
    --space.tables_;
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError> GuestSpace<Ept, Memory>::resolve(Violation const& violation) {
    if (violation.gpa.value() >= options_.memory_bytes)
        return std::unexpected(SpaceError::outside_memory);
    auto const slot = find_slot(format_, *root_, violation.gpa, leaf_level_, memory_);
    if (!slot) return std::unexpected(SpaceError::denied);
    if (!slot->entry.present()) return fill(*slot, violation.gpa);
    if (!slot->entry.permissions().allow(violation.access))
        return std::unexpected(SpaceError::denied);
    return Resolution{Resolution::Kind::already_mapped, {}};
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError> GuestSpace<Ept, Memory>::fill(Slot<Ept> const& slot,
                                                                    Gpa gpa) {
    auto const frame = pool_->allocate(order_of(options_.leaf));
    if (!frame) return std::unexpected(SpaceError::out_of_frames);
    memory_.zero(*frame, options_.leaf.bytes());

    Tables tables{*this};
    auto const leaf = Ept::Entry::to_frame(frame->value(), leaf_level_, read_write_execute);
    auto const duty = install(format_, slot, gpa, leaf_level_, leaf, memory_, tables);
    if (!duty) {
        pool_->release(*frame);
        return std::unexpected(SpaceError::out_of_frames);
    }
    ++leaves_;
    return Resolution{Resolution::Kind::zero_filled, *duty};
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Duty, SpaceError> GuestSpace<Ept, Memory>::populate() {
    Duty duty;
    for (std::uint64_t gpa = 0; gpa < options_.memory_bytes; gpa += options_.leaf.bytes()) {
        auto const resolution = resolve({.gpa = Gpa{gpa}, .access = Access::write});
        if (!resolution) return std::unexpected(resolution.error());
        duty |= resolution->duty;
    }
    return duty;
}

template <PagingFormat Ept, HostMemory Memory>
std::optional<Hpa> GuestSpace<Ept, Memory>::translate(Gpa gpa) const {
    Memory memory = memory_;
    auto const found = walk(format_, *root_, gpa, memory);
    if (!found) return std::nullopt;
    return found->address;
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Hpa, SpaceError> GuestSpace<Ept, Memory>::host_address(Gpa gpa, Access access) {
    auto const resolution = resolve({.gpa = gpa, .access = access});
    if (!resolution) return std::unexpected(resolution.error());
    auto const hpa = translate(gpa);
    if (!hpa) return std::unexpected(SpaceError::denied);
    return *hpa;
}

/// Calls `action(hpa, done, length)` for each piece of [gpa, gpa + bytes) that lies within one
/// leaf.
template <PagingFormat Ept, HostMemory Memory>
template <class Action>
std::expected<void, SpaceError>
GuestSpace<Ept, Memory>::for_each_piece(Gpa gpa, std::uint64_t bytes, Access access,
                                        Action&& action) {
    std::uint64_t const memory = options_.memory_bytes;
    if (gpa.value() > memory || bytes > memory - gpa.value())
        return std::unexpected(SpaceError::outside_memory);
    for (std::uint64_t done = 0; done < bytes;) {
        Gpa const at = gpa + done;
        auto const hpa = host_address(at, access);
        if (!hpa) return std::unexpected(hpa.error());
        std::uint64_t const length =
            std::min(bytes - done, options_.leaf.bytes() - at.offset_in(options_.leaf.bytes()));
        action(*hpa, done, length);
        done += length;
    }
    return {};
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<void, SpaceError> GuestSpace<Ept, Memory>::write(Gpa to,
                                                               std::span<std::byte const> bytes) {
    return for_each_piece(to, bytes.size(), Access::write,
                          [&](Hpa hpa, std::uint64_t done, std::uint64_t length) {
                              memory_.copy_in(hpa, bytes.subspan(done, length));
                          });
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<void, SpaceError> GuestSpace<Ept, Memory>::zero(Gpa from, std::uint64_t bytes) {
    return for_each_piece(
        from, bytes, Access::write,
        [&](Hpa hpa, std::uint64_t, std::uint64_t length) { memory_.zero(hpa, length); });
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<void, SpaceError> GuestSpace<Ept, Memory>::read(Gpa from,
                                                              std::span<std::byte> bytes) {
    return for_each_piece(from, bytes.size(), Access::read,
                          [&](Hpa hpa, std::uint64_t done, std::uint64_t length) {
                              memory_.copy_out(hpa, bytes.subspan(done, length));
                          });
}

template <PagingFormat Ept, HostMemory Memory>
void GuestSpace<Ept, Memory>::release_everything() {
    if (!root_) return;
    visit_entries(format_, *root_, memory_, [&](unsigned level, auto entry, bool is_leaf) {
        pool_->release(Hpa{is_leaf ? entry.frame(Ept::page_size(level)) : entry.table()});
    });
    pool_->release(*root_);
    root_.reset();
}

} // namespace twofold
