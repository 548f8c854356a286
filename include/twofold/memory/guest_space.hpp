// One guest's gpa space: EPT over the frame pool, filled as the guest touches it, shared
// copy-on-write with its clones.
#pragma once

#include <twofold/memory/frame_pool.hpp>
#include <twofold/memory/share_table.hpp>
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
        /// A fresh zeroed frame was mapped, private and writable.
        zero_filled,
        /// The shared zero frame was mapped, readable and executable.
        zero_shared,
        /// A shared frame was copied; the copy is private and writable.
        copied,
        /// The space was the last one to use the frame, and may write it now.
        taken_over,
        /// The mapping was there and allows the access: somebody else was faster.
        already_mapped,
    };
    Kind kind;
    Duty duty;
    /// Table pages that were copied on the way: the path down to the frame has become private.
    unsigned tables_unshared = 0;
};

struct SpaceOptions {
    /// Bytes; the guest's memory is [0, memory_bytes).
    std::uint64_t memory_bytes;
    /// The largest leaf, and so the largest frame that a violation brings. Smaller ones are used
    /// where memory has no free block of the size, or where smaller pages are mapped already.
    PageSize leaf = page_4k;
    /// A frame of zeros, of the pool, that answers first reads of 4 KiB pages; none: a first read
    /// gets a frame of its own.
    std::optional<Hpa> zero_frame = std::nullopt;
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
          root_(std::exchange(other.root_, std::nullopt)), frames_(other.frames_),
          tables_(other.tables_) {}
    GuestSpace& operator=(GuestSpace&&) = delete;
    ~GuestSpace() { release_everything(); }

    /// A space with the same contents, by sharing all tables below the roots: the cost does not
    /// depend on how much memory there is. From here on the first write to a page, by either, gives
    /// the writer a copy of its own.
    struct Cloned;
    [[nodiscard]] std::expected<Cloned, SpaceError> clone();

    /// Answers a violation. On success the access can be repeated once the duty is done. On failure
    /// the path may have become private; nothing that the guest can see has changed.
    [[nodiscard]] std::expected<Resolution, SpaceError> resolve(Violation const& violation);

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
    /// Frames of 4 KiB that this space took from the pool for memory, and for EPT tables, the root
    /// included. What it shares with the space that it was cloned from counts there.
    [[nodiscard]] std::uint64_t memory_frames() const { return frames_; }
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

    /// The entry that decides about `gpa`, and what making the path to it private has asked for.
    struct PrivateSlot {
        Slot<Ept> slot;
        Duty duty;
        unsigned tables_unshared;
    };
    std::expected<PrivateSlot, SpaceError> private_slot(Gpa gpa);
    std::expected<typename Ept::Entry, SpaceError> unshare(Slot<Ept> const& slot);
    std::expected<typename Ept::Entry, SpaceError> split(Slot<Ept> const& slot);
    bool must_split(Slot<Ept> const& slot) const;
    std::expected<Resolution, SpaceError> resolve_read(Violation const& violation);
    std::expected<Resolution, SpaceError> resolve_write(Gpa gpa);
    std::expected<Resolution, SpaceError> fill(Slot<Ept> const& slot, Gpa gpa);
    struct LeafFrame {
        unsigned level;
        std::optional<Hpa> frame;
    };
    LeafFrame allocate_leaf(Slot<Ept> const& slot, Gpa gpa);
    std::expected<Resolution, SpaceError> map_zero_frame(Slot<Ept> const& slot, Gpa gpa);
    std::expected<Resolution, SpaceError> break_copy_on_write(Slot<Ept> const& slot);
    Duty replace(Slot<Ept> const& slot, typename Ept::Entry entry);

    std::expected<Translation<Hpa>, SpaceError> reach(Gpa gpa, Access access);
    template <class Action>
    std::expected<void, SpaceError> for_each_piece(Gpa gpa, std::uint64_t bytes, Access access,
                                                   Action&& action);
    void release_table(Hpa table, unsigned level);
    void release_everything();

    FramePool* pool_;
    Memory memory_;
    Ept format_;
    SpaceOptions options_;
    unsigned leaf_level_;
    std::optional<Hpa> root_;
    std::uint64_t frames_ = 0;
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
    auto const table = space.pool_->allocate();
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
    if (violation.access == Access::write) return resolve_write(violation.gpa);
    return resolve_read(violation);
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError>
GuestSpace<Ept, Memory>::resolve_read(Violation const& violation) {
    auto const slot = find_slot(format_, *root_, violation.gpa, 1, memory_);
    if (!slot) return std::unexpected(SpaceError::denied);
    if (slot->entry.present()) {
        if (!slot->entry.permissions().allow(violation.access))
            return std::unexpected(SpaceError::denied);
        return Resolution{Resolution::Kind::already_mapped, {}};
    }
    // Zeros may go into a table that is shared: all who share it have never written there.
    if (options_.zero_frame && leaf_level_ == 1) return map_zero_frame(*slot, violation.gpa);
    return resolve_write(violation.gpa);
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError> GuestSpace<Ept, Memory>::resolve_write(Gpa gpa) {
    auto const found = private_slot(gpa);
    if (!found) return std::unexpected(found.error());
    auto const& [slot, duty, tables_unshared] = *found;

    std::expected<Resolution, SpaceError> answer = Resolution{Resolution::Kind::already_mapped, {}};
    if (!slot.entry.present()) {
        answer = fill(slot, gpa);
    } else if (!slot.entry.permissions().write) {
        answer = break_copy_on_write(slot);
    }
    if (!answer) return answer;
    answer->duty |= duty;
    answer->tables_unshared = tables_unshared;
    return answer;
}

template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::private_slot(Gpa gpa) -> std::expected<PrivateSlot, SpaceError> {
    PrivateSlot result{};
    Hpa table = *root_;
    for (unsigned level = Ept::levels;; --level) {
        Hpa const address =
            table + std::uint64_t{Ept::index(gpa, level)} * sizeof(typename Ept::Word);
        auto const word = memory_.template read<typename Ept::Word>(address);
        if (!word) return std::unexpected(SpaceError::denied);
        typename Ept::Entry entry{*word};
        result.slot = {address, level, entry};
        if (!entry.present()) return result;
        bool const leaf = format_.leaf(entry, level);
        if (leaf && !must_split(result.slot)) return result;

        if (!entry.permissions().write) {
            auto const own = leaf ? split(result.slot) : unshare(result.slot);
            if (!own) return std::unexpected(own.error());
            result.tables_unshared += !leaf && own->table() != entry.table() ? 1 : 0;
            result.duty |= replace(result.slot, *own);
            entry = *own;
        }
        table = Hpa{entry.table()};
    }
}

/// A large page that others reach as well is not copied whole: its parts are, one by one, when they
/// are written.
template <PagingFormat Ept, HostMemory Memory>
bool GuestSpace<Ept, Memory>::must_split(Slot<Ept> const& slot) const {
    return slot.level > 1 && !slot.entry.permissions().write &&
           !pool_->exclusive(Hpa{slot.entry.frame(Ept::page_size(slot.level))}, slot.level);
}

/// The entry that leads to a table of the next smaller pages in place of the large one at `slot`:
/// the same frames, permissions, memory type and accessed and dirty bits. The table is complete
/// before anything leads to it.
template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::split(Slot<Ept> const& slot)
    -> std::expected<typename Ept::Entry, SpaceError> {
    auto const table = pool_->allocate();
    if (!table) return std::unexpected(SpaceError::out_of_frames);
    ++tables_;
    PageSize const part = Ept::page_size(slot.level - 1);
    auto const word =
        slot.level == 2 ? slot.entry.word() & ~Ept::Entry::large_page_bit : slot.entry.word();
    for (std::uint64_t index = 0; index < Ept::entries; ++index) {
        (void)memory_.write(*table + index * sizeof(typename Ept::Word),
                            word + index * part.bytes());
    }
    pool_->split(Hpa{slot.entry.frame(Ept::page_size(slot.level))}, slot.level);
    return Ept::Entry::to_table(table->value());
}

/// The entry that leads to a table of the space's own with the contents of the one that `slot`
/// leads to: a copy, or the table itself where nobody else is left.
template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::unshare(Slot<Ept> const& slot)
    -> std::expected<typename Ept::Entry, SpaceError> {
    Hpa const shared{slot.entry.table()};
    if (pool_->references(shared) == 1) return Ept::Entry::to_table(shared.value());
    auto const copy = pool_->allocate();
    if (!copy) return std::unexpected(SpaceError::out_of_frames);
    ++tables_;
    share_entries(format_, shared, *copy, slot.level - 1, memory_, *pool_);
    pool_->release(shared);
    return Ept::Entry::to_table(copy->value());
}

template <PagingFormat Ept, HostMemory Memory>
Duty GuestSpace<Ept, Memory>::replace(Slot<Ept> const& slot, typename Ept::Entry entry) {
    (void)memory_.write(slot.address, entry.word());
    return duty_of_change(format_, slot.entry, entry, slot.level);
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError>
GuestSpace<Ept, Memory>::break_copy_on_write(Slot<Ept> const& slot) {
    Hpa const shared{slot.entry.frame(Ept::page_size(slot.level))};
    bool const is_zero = shared == options_.zero_frame;
    if (!is_zero && pool_->exclusive(shared, slot.level)) {
        auto const writable = Ept::Entry::to_frame(shared.value(), slot.level, read_write_execute);
        return Resolution{Resolution::Kind::taken_over, replace(slot, writable)};
    }
    auto const frame = pool_->allocate();
    if (!frame) return std::unexpected(SpaceError::out_of_frames);
    if (is_zero) {
        memory_.zero(*frame, page_4k.bytes());
    } else {
        memory_.copy(shared, *frame, page_4k.bytes());
    }
    Duty const duty = replace(slot, Ept::Entry::to_frame(frame->value(), 1, read_write_execute));
    pool_->release(shared);
    ++frames_;
    return Resolution{is_zero ? Resolution::Kind::zero_filled : Resolution::Kind::copied, duty};
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError> GuestSpace<Ept, Memory>::map_zero_frame(Slot<Ept> const& slot,
                                                                              Gpa gpa) {
    Tables tables{*this};
    auto const leaf = Ept::Entry::to_frame(options_.zero_frame->value(), 1, read_execute);
    auto const duty = install(format_, slot, gpa, 1, leaf, memory_, tables);
    if (!duty) return std::unexpected(SpaceError::out_of_frames);
    pool_->retain(*options_.zero_frame);
    return Resolution{Resolution::Kind::zero_shared, *duty};
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Resolution, SpaceError> GuestSpace<Ept, Memory>::fill(Slot<Ept> const& slot,
                                                                    Gpa gpa) {
    auto const [level, frame] = allocate_leaf(slot, gpa);
    if (!frame) return std::unexpected(SpaceError::out_of_frames);
    PageSize const size = Ept::page_size(level);
    memory_.zero(*frame, size.bytes());

    Tables tables{*this};
    auto const leaf = Ept::Entry::to_frame(frame->value(), level, read_write_execute);
    auto const duty = install(format_, slot, gpa, level, leaf, memory_, tables);
    if (!duty) {
        pool_->release(*frame, level);
        return std::unexpected(SpaceError::out_of_frames);
    }
    frames_ += size.frames();
    return Resolution{Resolution::Kind::zero_filled, *duty};
}

/// The largest frame that fits between `slot`, where nothing is mapped, and the guest's memory, and
/// that the pool has.
template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::allocate_leaf(Slot<Ept> const& slot, Gpa gpa) -> LeafFrame {
    for (unsigned level = std::min(leaf_level_, slot.level); level > 1; --level) {
        PageSize const size = Ept::page_size(level);
        if (gpa.aligned_down(size.bytes()) + size.bytes() > Gpa{options_.memory_bytes}) continue;
        if (auto const frame = pool_->allocate(level)) return {level, frame};
    }
    return {1, pool_->allocate()};
}

template <PagingFormat Ept, HostMemory Memory>
struct GuestSpace<Ept, Memory>::Cloned {
    GuestSpace space;
    /// What the space that was cloned has to invalidate before it runs on.
    Duty duty;
};

template <PagingFormat Ept, HostMemory Memory>
auto GuestSpace<Ept, Memory>::clone() -> std::expected<Cloned, SpaceError> {
    auto made = create(*pool_, memory_, format_, options_);
    if (!made) return std::unexpected(made.error());
    Cloned cloned{std::move(*made), {}};

    // Only entries that the guest's memory reaches can be present: one for each 512 GiB with four
    // levels.
    std::uint64_t const entries = pages_for(options_.memory_bytes, Ept::page_size(Ept::levels));
    for (std::uint64_t index = 0; index < entries; ++index) {
        std::uint64_t const offset = index * sizeof(typename Ept::Word);
        cloned.duty |= share_entry(format_, *root_ + offset, *cloned.space.root_ + offset,
                                   Ept::levels, memory_, *pool_);
    }
    return cloned;
}

template <PagingFormat Ept, HostMemory Memory>
std::expected<Duty, SpaceError> GuestSpace<Ept, Memory>::populate() {
    Duty duty;
    for (std::uint64_t gpa = 0; gpa < options_.memory_bytes;) {
        auto const resolution = resolve({.gpa = Gpa{gpa}, .access = Access::write});
        if (!resolution) return std::unexpected(resolution.error());
        duty |= resolution->duty;
        auto const found = walk(format_, *root_, Gpa{gpa}, memory_);
        gpa += found ? found->page_size.bytes() : page_4k.bytes();
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
std::expected<Translation<Hpa>, SpaceError> GuestSpace<Ept, Memory>::reach(Gpa gpa, Access access) {
    auto const resolution = resolve({.gpa = gpa, .access = access});
    if (!resolution) return std::unexpected(resolution.error());
    auto const found = walk(format_, *root_, gpa, memory_);
    if (!found) return std::unexpected(SpaceError::denied);
    return *found;
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
        auto const found = reach(at, access);
        if (!found) return std::unexpected(found.error());
        std::uint64_t const page = found->page_size.bytes();
        std::uint64_t const length = std::min(bytes - done, page - at.offset_in(page));
        action(found->address, done, length);
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

/// One reference less to `table`; with the last one goes what it points to.
template <PagingFormat Ept, HostMemory Memory>
void GuestSpace<Ept, Memory>::release_table(Hpa table, unsigned level) {
    if (pool_->references(table) == 1) {
        for (std::uint64_t offset = 0; offset < page_4k.bytes();
             offset += sizeof(typename Ept::Word)) {
            auto const word = memory_.template read<typename Ept::Word>(table + offset);
            typename Ept::Entry const entry{word ? *word : 0};
            if (!entry.present()) continue;
            if (format_.leaf(entry, level)) {
                pool_->release(Hpa{entry.frame(Ept::page_size(level))}, level);
            } else {
                release_table(Hpa{entry.table()}, level - 1);
            }
        }
    }
    pool_->release(table);
}

template <PagingFormat Ept, HostMemory Memory>
void GuestSpace<Ept, Memory>::release_everything() {
    if (root_) release_table(*root_, Ept::levels);
    root_.reset();
}

} // namespace twofold
