// One guest's gpa space: EPT over the frame pool, filled as the guest touches it, shared
// copy-on-write with its clones.
#pragma once

#include <twofold/memory/frame_pool.hpp>
#include <twofold/memory/share_table.hpp>
#include <twofold/memory/violation.hpp>
#include <twofold/memory/zeroed_stock.hpp>
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

/// Why pages were not made one large page.
enum class PromoteRefusal : std::uint8_t {
    /// No table of smaller pages is there, or no leaf of the wanted size exists.
    no_small_pages,
    /// Another space reaches the table or one of the pages, or one may not be written.
    shared,
    /// Not all 512 neighbours are mapped, or they differ in permission or memory type.
    not_uniform,
    /// The pages lie apart, and no free block could take them in.
    out_of_frames,
};

struct Promotion {
    /// To be carried out before the guest runs on.
    Duty duty;
    /// The pages lay apart and were copied into one block.
    bool moved;
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
    /// Where 4 KiB frames are taken from first; none: each is zeroed when it is needed.
    ZeroedStock* stock = nullptr;
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

    /// Replaces the 512 smaller pages around `gpa` by one leaf of `size`, by one store: where they
    /// are if they lie together, otherwise after copying them into one block. The guest must not
    /// run meanwhile.
    [[nodiscard]] std::expected<Promotion, PromoteRefusal> promote(Gpa gpa, PageSize size);

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

    /// What 512 neighbouring leaves have in common.
    struct Neighbours {
        /// The first one, with the accessed and dirty bits of all of them.
        typename Ept::Entry first;
        /// They lie one after another, aligned as one block.
        bool together;
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
    // Apart, so that the frequent case needs neither their registers nor their stack.
    [[gnu::noinline]] std::expected<Resolution, SpaceError>
    resolve_read(Violation const& violation);
    [[gnu::noinline]] std::expected<Resolution, SpaceError> resolve_write_slowly(Gpa gpa);
    bool find_private_empty_slot(Gpa gpa, Hpa& slot);
    bool take_zeroed_frame(Hpa& frame);
    std::expected<Resolution, SpaceError> fill(Slot<Ept> const& slot, Gpa gpa);
    struct LeafFrame {
        unsigned level;
        std::optional<Hpa> frame;
    };
    LeafFrame allocate_leaf(Slot<Ept> const& slot, Gpa gpa);
    std::expected<Resolution, SpaceError> map_zero_frame(Slot<Ept> const& slot, Gpa gpa);
    std::expected<Resolution, SpaceError> break_copy_on_write(Slot<Ept> const& slot);
    Duty replace(Slot<Ept> const& slot, typename Ept::Entry entry);

    std::expected<Slot<Ept>, PromoteRefusal> private_table(Gpa gpa, unsigned level);
    std::expected<Neighbours, PromoteRefusal> examine(Hpa table, unsigned level);
    void copy_together(Hpa table, unsigned level, Hpa block);
    void free_table_of_leaves(Hpa table, unsigned level, bool leaves_too);

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

} // namespace twofold

// The members, by what they are about.
#include <twofold/memory/guest_space_access.hpp>
#include <twofold/memory/guest_space_life.hpp>
#include <twofold/memory/guest_space_promote.hpp>
#include <twofold/memory/guest_space_resolve.hpp>
#include <twofold/memory/guest_space_share.hpp>
