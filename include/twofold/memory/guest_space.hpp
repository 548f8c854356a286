// One guest's gpa space: EPT over the frame pool, filled as the guest touches it, shared
// copy-on-write with its clones.
#pragma once

#include <twofold/memory/dirty_log.hpp>
#include <twofold/memory/frame_pool.hpp>
#include <twofold/memory/guest_space_types.hpp>
#include <twofold/memory/share_table.hpp>
#include <twofold/memory/shootdown.hpp>
#include <twofold/memory/space_registry.hpp>
#include <twofold/memory/swap_area.hpp>
#include <twofold/memory/violation.hpp>
#include <twofold/memory/zeroed_stock.hpp>
#include <twofold/paging/map.hpp>
#include <twofold/paging/walk.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <utility>

namespace twofold {

/// A space owns its tables and the frames that its leaves map, and gives all of them back when it
/// ends; by then no processor may run it.
///
/// Members that return a Duty, by itself or in an answer, change entries: the guest runs on, and
/// what was given up is used again, once the duty is done. Those that say so must not be called
/// while the guest runs on another processor.
template <PagingFormat Ept, HostMemory Memory>
class GuestSpace : public SpaceLink {
  public:
    using Entry = typename Ept::Entry;
    using Word = typename Ept::Word;

    [[nodiscard]] static std::expected<GuestSpace, SpaceError>
    create(FramePool& pool, Memory memory, Ept const& format, SpaceOptions const& options);

    GuestSpace(GuestSpace&& other) noexcept;
    GuestSpace& operator=(GuestSpace&&) = delete;
    ~GuestSpace() { release_everything(); }

    /// A space with the same contents, by sharing all tables below the roots: the cost does not
    /// depend on how much memory there is. From here on the first write to a page, by either, gives
    /// the writer a copy of its own. The clone may run once the parent's duty is done; it is in no
    /// registry, and keeps no dirty log. While the parent logs by the processor's means, a clone
    /// costs a collection. `shootdown`: that of the clone. The guest must not run meanwhile.
    struct Cloned;
    [[nodiscard]] std::expected<Cloned, SpaceError> clone(Shootdown* shootdown = nullptr);
    /// The same in two steps, for a clone that is to be made where it will live: what it begins
    /// with, and then the clone, which takes that over. Whoever has the first must do the second,
    /// before the parent changes; it can't fail.
    struct Shared;
    [[nodiscard]] std::expected<Shared, SpaceError> share(Shootdown* shootdown = nullptr);
    GuestSpace(GuestSpace const& parent, Shared const& shared);

    /// Answers a violation. On success the access can be repeated once the duty is done. On failure
    /// the path may have become private; nothing that the guest can see has changed.
    [[nodiscard]] std::expected<Resolution, SpaceError> resolve(Violation const& violation);

    /// Replaces the 512 smaller pages around `gpa` by one leaf of `size`, by one store: where they
    /// are if they lie together, otherwise after copying them into one block. The guest must not
    /// run meanwhile.
    [[nodiscard]] std::expected<Promotion, PromoteRefusal> promote(Gpa gpa, PageSize size);
    /// The opposite: pages of 4 KiB map the large page around `gpa`, by one store a level. Nothing
    /// to do where pages are small already, or not mapped.
    [[nodiscard]] std::expected<Duty, SpaceError> split(Gpa gpa);

    /// Maps all memory that is not mapped yet.
    [[nodiscard]] std::expected<Duty, SpaceError> populate();

    /// Where `gpa` lies, if it is mapped. Changes nothing.
    [[nodiscard]] std::optional<Hpa> translate(Gpa gpa) const;

    /// Copies into, zeroes, or copies out of guest memory, bringing in frames as a guest's own
    /// access would. Nothing is touched beyond the guest's memory; what comes before a failure
    /// stays done. What the bringing in of frames has to invalidate is owed(): the guest may have
    /// what was there before in its caches.
    [[nodiscard]] std::expected<void, SpaceError> write(Gpa to, std::span<std::byte const> bytes);
    [[nodiscard]] std::expected<void, SpaceError> zero(Gpa from, std::uint64_t bytes);
    [[nodiscard]] std::expected<void, SpaceError> read(Gpa from, std::span<std::byte> bytes);

    /// What must be invalidated before the guest runs on, and no answer has said: the changes of
    /// failed operations, and those of write(), zero() and read(). The next answer of resolve()
    /// includes it as well.
    Duty owed();

    /// Releases what was given up and every processor has dropped since. To be called after
    /// acknowledgements, by who changes the space; nothing to do without a Shootdown. Returns how
    /// many references that were.
    std::uint32_t collect_retired();

    /// Gives memory back, as a balloon does: whole pages of [from, from + bytes) lose their
    /// contents and read as zeros. Large pages that lie in it in part are split.
    Released release(Gpa from, std::uint64_t bytes);

    /// Moves the 4 KiB page of `gpa` to the swap area if no other space reaches it. Returns
    /// nothing, and has changed nothing, if it stays: not private, not there, not small, no slot
    /// free, or the device failed. The guest must not run meanwhile.
    [[nodiscard]] std::optional<Duty> swap_out(Gpa gpa);

    /// Looks at `entries` level-1 entries from `from` on, or as many as there are: a page that was
    /// accessed since it was last looked at is given another chance, one that was not goes to the
    /// swap area, until `wanted` frames have come free. Needs EPT accessed bits; without them each
    /// page counts as cold. The guest must not run meanwhile.
    struct Reclaimed;
    Reclaimed reclaim(Gpa from, std::uint64_t entries, std::uint64_t wanted);
    /// Whether a page of 2 MiB or more around `gpa`, which this space alone reaches, is cold. One
    /// that is not becomes so by this look. The guest must not run meanwhile.
    struct LargePage;
    LargePage look_at_large_page(Gpa gpa);

    /// The working set, from the accessed bits that the processor has set since the last call,
    /// which clears those of private tables. Subtrees that were not accessed cost one read.
    struct WorkingSet;
    WorkingSet working_set();

    /// Starts to note in `log`, which outlives this or the next stop_logging(), which pages are
    /// written by the guest, or by write() and zero(). Pages are 4 KiB from here on. By
    /// write protection this costs the same however much memory there is; by the other means every
    /// table is visited and every large page split, which can fail.
    [[nodiscard]] std::expected<Duty, SpaceError> start_logging(DirtyLog& log, DirtyMeans means);
    /// Calls `visit(gpa)` for each page written since the start or the last call, ascending, and
    /// starts anew. What the processor's page-modification log holds must be in the log by then.
    /// The guest must not run before the duty is done.
    template <class Visit>
    Duty collect_dirty(Visit&& visit);
    void stop_logging();
    [[nodiscard]] bool logging() const { return log_ != nullptr; }

    /// The 4 KiB page of `gpa`, if it is mapped by a level-1 entry that this space alone reaches,
    /// and the next gpa that can have one. For who looks at all such pages, one step a call.
    struct SmallPage {
        std::optional<Slot<Ept>> slot;
        Gpa next;
    };
    [[nodiscard]] SmallPage private_small_page(Gpa gpa);
    /// Makes the page at `slot`, from private_small_page(), one that may not be written.
    Duty write_protect(Slot<Ept> const& slot);
    /// Makes the page at `slot`, from private_small_page(), lead to `frame`, which has the same
    /// contents and may be written through no entry, and gives up the frame that it had.
    Duty share_frame(Gpa gpa, Slot<Ept> const& slot, Hpa frame);
    /// Makes the page at `slot`, of level 1, one that lies in `place`, whose reference the
    /// caller has taken, and gives up the frame that it had. For the reverse map; in a shared table
    /// the duty is that of all who share it.
    Duty leave_in_slot(Gpa gpa, Slot<Ept> const& slot, SwapSlot place);
    /// Neither of the two may be called without.
    [[nodiscard]] bool can_share_frame() const { return room_to_give_up(1); }

    [[nodiscard]] Hpa root() const { return *root_; }
    [[nodiscard]] Ept const& format() const { return format_; }
    [[nodiscard]] Memory& memory() { return memory_; }
    [[nodiscard]] FramePool& pool() { return *pool_; }
    [[nodiscard]] SpaceOptions const& options() const { return options_; }
    /// Frames of 4 KiB that this space took from the pool for memory, in all its life, and has for
    /// EPT tables, the root included. What it shares with the space that it was cloned from counts
    /// there.
    [[nodiscard]] std::uint64_t memory_frames() const { return frames_; }
    [[nodiscard]] std::uint64_t table_frames() const { return tables_; }
    [[nodiscard]] SpaceStatistics const& statistics() const { return statistics_; }

  private:
    GuestSpace(FramePool& pool, Memory memory, Ept const& format, SpaceOptions const& options);

    /// Gives tables to the editor out of the pool.
    struct Tables {
        GuestSpace& space;
        std::optional<Hpa> allocate_table();
        void free_table(Hpa table);
    };

    /// What 512 neighbouring leaves have in common.
    struct Neighbours {
        /// The first one, with the accessed and dirty bits of all of them.
        Entry first;
        /// They lie one after another, aligned as one block.
        bool together;
    };

    /// What a path is made private for, and so which large pages on it are split.
    enum class Purpose : std::uint8_t {
        /// Those that others reach as well, and all while a dirty log is kept.
        write,
        /// All.
        small_pages,
        /// None.
        whole_pages,
    };
    /// The entry that decides about `gpa`, and what making the path to it private has asked for.
    struct PrivateSlot {
        Slot<Ept> slot;
        Duty duty;
        unsigned tables_unshared;
    };
    std::expected<PrivateSlot, SpaceError> private_slot(Gpa gpa, Purpose purpose = Purpose::write);
    std::expected<Entry, SpaceError> unshare(Slot<Ept> const& slot);
    std::expected<Entry, SpaceError> split_leaf(Slot<Ept> const& slot);
    bool must_split(Slot<Ept> const& slot, Purpose purpose) const;
    void forbid_writing_below(Hpa table);

    // Apart, so that the frequent case needs neither their registers nor their stack.
    [[gnu::noinline]] std::expected<Resolution, SpaceError>
    resolve_with_care(Violation const& violation);
    [[gnu::noinline]] std::expected<Resolution, SpaceError>
    resolve_read(Violation const& violation);
    [[gnu::noinline]] std::expected<Resolution, SpaceError>
    resolve_write_slowly(Gpa gpa, Access access = Access::write);
    [[gnu::noinline]] std::expected<Resolution, SpaceError> fill_from_pool(Hpa slot);
    std::expected<Resolution, SpaceError> fill_empty_slot(Hpa slot, Hpa zeroed);
    bool find_private_empty_slot(Gpa gpa, Hpa& slot);
    std::expected<Resolution, SpaceError> make_executable(Slot<Ept> const& slot, Gpa gpa);
    std::expected<Resolution, SpaceError> fill(Slot<Ept> const& slot, Gpa gpa, Access access);
    struct LeafFrame {
        unsigned level;
        std::optional<Hpa> frame;
    };
    LeafFrame allocate_leaf(Slot<Ept> const& slot, Gpa gpa, Access access);
    Permissions permissions_for(Access access) const;
    std::expected<Resolution, SpaceError> map_zero_frame(Slot<Ept> const& slot, Gpa gpa,
                                                         Access access);
    std::expected<Resolution, SpaceError> break_copy_on_write(Slot<Ept> const& slot);
    std::expected<Resolution, SpaceError> swap_in(Slot<Ept> const& slot, Access access);
    Duty replace(Slot<Ept> const& slot, Entry entry);
    /// One reference less, once no processor can use it any more.
    void give_up(Hpa frame, unsigned level, bool is_table = false);
    [[nodiscard]] bool room_to_give_up(std::uint32_t references) const;

    Entry entry_at(Hpa address);
    std::expected<Slot<Ept>, PromoteRefusal> private_table(Gpa gpa, unsigned level);
    std::expected<Neighbours, PromoteRefusal> examine(Hpa table, unsigned level);
    void copy_together(Hpa table, unsigned level, Hpa block);
    void free_table_of_leaves(Hpa table, unsigned level, bool leaves_too);

    /// The entry for `gpa` at level 1, or the first above it that is not a table that this space
    /// alone reaches, and whether it is a page of 4 KiB.
    struct Found {
        Slot<Ept> slot;
        bool is_small_page;
    };
    Found look_up(Gpa gpa);
    bool may_swap_out(Found const& found);
    std::uint64_t release_slot(Gpa gpa, Slot<Ept> const& slot, Duty& duty);
    void mark_if_dirty(Gpa gpa, Slot<Ept> const& slot);

    Duty forbid_writing();
    std::expected<void, SpaceError> split_large_pages(Hpa table, unsigned level, Duty& duty);
    Duty harvest_dirty_bits(Hpa table, unsigned level, Gpa from, bool mark);
    Duty clear_dirty_bits_of_log();
    void scan_accessed(Hpa table, unsigned level, bool is_private, WorkingSet& found);

    std::expected<Translation<Hpa>, SpaceError> reach(Gpa gpa, Access access);
    template <class Action>
    std::expected<void, SpaceError> for_each_piece(Gpa gpa, std::uint64_t bytes, Access access,
                                                   Action&& action);
    void release_table(Hpa table, unsigned level);
    void release_everything();
    void owe(Duty duty);
    void choose_path();

    FramePool* pool_;
    Memory memory_;
    Ept format_;
    SpaceOptions options_;
    unsigned leaf_level_;
    /// Up to where a first write needs nothing but a frame: the guest's memory, or 0 while each
    /// write needs more than that.
    std::uint64_t straight_below_ = 0;
    std::optional<Hpa> root_;
    std::uint64_t frames_ = 0;
    std::uint64_t tables_ = 0;
    DirtyLog* log_ = nullptr;
    DirtyMeans means_ = DirtyMeans::write_protection;
    Duty owed_;
    SpaceStatistics statistics_;
};

} // namespace twofold

// The members, by what they are about.
#include <twofold/memory/guest_space_access.hpp>
#include <twofold/memory/guest_space_dirty.hpp>
#include <twofold/memory/guest_space_life.hpp>
#include <twofold/memory/guest_space_private.hpp>
#include <twofold/memory/guest_space_promote.hpp>
#include <twofold/memory/guest_space_reclaim.hpp>
#include <twofold/memory/guest_space_release.hpp>
#include <twofold/memory/guest_space_resolve.hpp>
#include <twofold/memory/guest_space_share.hpp>
#include <twofold/memory/guest_space_working_set.hpp>
