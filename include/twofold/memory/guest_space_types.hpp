// What a guest space is asked with and what it answers.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/arch/page_size.hpp>
#include <twofold/paging/duty.hpp>
#include <twofold/paging/memory.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace twofold {

class Shootdown;
class SwapArea;
class ZeroedStock;

/// Host memory as a space needs it: page-table words, and the contents of frames.
template <class M>
concept HostMemory = WritableMemory<M, Hpa, std::uint64_t> &&
    requires(M& memory, Hpa hpa, std::span<std::byte const> from, std::span<std::byte> to,
             std::uint64_t bytes) {
    memory.zero(hpa, bytes);
    memory.copy(hpa, hpa, bytes);
    memory.copy_in(hpa, from);
    memory.copy_out(hpa, to);
};

enum class SpaceError : std::uint8_t {
    /// The gpa lies beyond the guest's memory.
    outside_memory,
    /// No frame is left. Nothing that the guest can see has changed.
    out_of_frames,
    /// The gpa is mapped, and the mapping forbids the access.
    denied,
    /// Memory is zero, beyond what the format translates, or not a multiple of the leaf size.
    bad_memory_size,
    /// The format has no leaf of the wanted size.
    bad_page_size,
    /// The page was swapped out, and the device does not give it back.
    swap_failed,
    /// Too much waits for other processors to invalidate. To be repeated once they have.
    shootdown_pending,
    /// The over-commit policy does not allow to promise the guest its memory.
    over_committed,
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
    /// The policy allows no large executable pages, and the guest has executed from one of these.
    executable,
    /// A dirty log is kept, and knows pages of 4 KiB only.
    logging,
    /// As SpaceError::shootdown_pending.
    shootdown_pending,
};

/// What large pages may hold. A processor with the erratum known as iTLB multihit can be stopped by
/// a guest that executes from a large page while its size changes.
enum class ExecutablePages : std::uint8_t {
    /// Large pages may be executed from.
    any_size,
    /// Large pages are never executable. Every page lacks execute permission until the guest
    /// fetches from it; a fetch from a large page splits it first. First writes take the slower of
    /// the two paths.
    small_only,
};

/// How to find out which pages a guest writes.
enum class DirtyMeans : std::uint8_t {
    /// Writing is forbidden again after each collection: costs a violation a page, and nothing for
    /// pages that are not written.
    write_protection,
    /// The processor sets D bits, and a collection looks at every leaf. Needs EPT accessed and
    /// dirty bits.
    dirty_bits,
    /// The processor writes addresses to a page-modification log, which its owner drains into the
    /// log before each collection. Needs EPT accessed and dirty bits.
    page_modification_log,
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
        /// The page came back from the swap device.
        swapped_in,
        /// The page was there, and may be executed from now on.
        made_executable,
    };
    Kind kind;
    Duty duty;
    /// Table pages that were copied on the way: the path down to the frame has become private.
    unsigned tables_unshared = 0;
};

/// What giving memory back has come to.
struct Released {
    /// 4 KiB pages that had contents and read as zeros now.
    std::uint64_t pages = 0;
    Duty duty;
    /// Why it ended early, if it did. What came before stays released.
    std::optional<SpaceError> error;
};

/// What a space did beside answering first writes; all are counts of events.
struct SpaceStatistics {
    std::uint64_t zero_shared = 0;
    std::uint64_t copied = 0;
    std::uint64_t taken_over = 0;
    std::uint64_t tables_unshared = 0;
    std::uint64_t split = 0;
    std::uint64_t promoted = 0;
    std::uint64_t swapped_in = 0;
    std::uint64_t swapped_out = 0;
    std::uint64_t merged = 0;
    std::uint64_t released = 0;
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
    /// Where pages are swapped out to; none: they stay. Clones must be given the same.
    SwapArea* swap = nullptr;
    /// Where frames wait until every processor has invalidated; none: one processor carries out
    /// each duty before anything else happens.
    Shootdown* shootdown = nullptr;
    ExecutablePages executable = ExecutablePages::any_size;
};

} // namespace twofold
