// How guests come to use more memory than there is: what they may be promised, and where frames
// come from when none is left.
#pragma once

#include "hv/boot/early_memory.hpp"
#include "hv/cpu/tick.hpp"
#include "hv/device/machine_ports.hpp"
#include "hv/device/serial_port.hpp"
#include "hv/device/swap_disk.hpp"
#include "hv/vm/host_memory.hpp"
#include "hv/vm/upkeep.hpp"

#include <twofold/abi/disk_image.hpp>
#include <twofold/abi/json_line.hpp>
#include <twofold/memory/commitment.hpp>
#include <twofold/memory/reclaimer.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

namespace twofold::hv {

/// The disk that pages go to, and a count for each of its pages, contents immaterial.
struct SwapSpace {
    SwapDisk<MachinePorts> disk;
    std::span<std::uint32_t> counts;
};

/// The second disk of the first ATA channel, of which `bytes` bytes are used: the first and the
/// last page of these have been written and read back, and the record `swap_disk` says so. Where it
/// is missing, broken or too small, or memory has no room for the counts, the hypervisor stops and
/// says so.
SwapSpace find_swap_space(EarlyMemory& memory, std::uint64_t bytes);

class MemoryPolicy {
  public:
    /// `swap`: nothing where there is none; `large_pages`: guests may come to have some, and then a
    /// few frames are kept back until end(), to swap them.
    MemoryPolicy(FramePool& pool, abi::MemoryRecord const& wanted, SwapSpace* swap,
                 bool large_pages);
    MemoryPolicy(MemoryPolicy const&) = delete;
    MemoryPolicy& operator=(MemoryPolicy const&) = delete;

    /// Before a guest or a clone is made. False, and nothing promised, if the policy forbids it.
    [[nodiscard]] bool promise(std::uint64_t memory_bytes) {
        bool const promised = commitment_.promise(memory_bytes, frames_beside);
        most_promised_ = std::max(most_promised_, commitment_.promised_frames());
        return promised;
    }
    void take_back(std::uint64_t memory_bytes) {
        commitment_.take_back(memory_bytes, frames_beside);
    }

    /// The space's cold pages may go from now on, until it ends.
    void watch(Space& space) { spaces_.add(space); }
    /// All spaces that there are.
    [[nodiscard]] SpaceRegistry& spaces() { return spaces_; }
    /// Frames that are kept back.
    [[nodiscard]] std::span<Hpa const> reserve() const { return reclaimer_.reserve(); }
    /// No space is left.
    void end() { reclaimer_.end(); }
    /// What spaces are made with.
    [[nodiscard]] SwapArea* swap_area() { return area_ ? &*area_ : nullptr; }

    /// Sends cold pages to the swap disk. Returns how many frames came free: 0 when nothing can
    /// leave. `carry_out(space, duty)` performs a duty; no guest may run meanwhile.
    template <class CarryOut>
    std::uint64_t make_room(CarryOut&& carry_out) {
        if (!area_ || swap_->disk.error() || area_->slots_used() == area_->slots_total()) return 0;
        std::uint64_t const begin = read_ticks();
        std::uint64_t const freed = reclaimer_.make_room(batch(), carry_out);
        most_slots_used_ = std::max(most_slots_used_, area_->slots_used());
        ++rounds_;
        reclaimed_ += freed;
        ticks_ += read_ticks() - begin;
        return freed;
    }

    /// Why make_room() came to nothing, as the end of a sentence.
    template <abi::TextSink Sink>
    void explain_shortage(Sink& sink) const;
    /// What the swap disk last said is wrong with it.
    template <abi::TextSink Sink>
    void explain_swap_error(Sink& sink) const {
        if (swap_ != nullptr && swap_->disk.error()) describe(*swap_->disk.error(), sink);
    }
    /// The record `memory` of the report; `upkeep`: nothing where there is none.
    void report(Upkeep const* upkeep) const;

  private:
    void report_swap(abi::JsonObject<SerialPort>& line) const;

    /// A guest's VMCS, and the frame that the hypervisor keeps it in.
    static constexpr std::uint64_t frames_beside = 2;

    /// As many as one violation should wait for, and a part of a small pool, so that what an
    /// instruction needs can be there all at once.
    [[nodiscard]] std::uint64_t batch() const {
        return std::clamp<std::uint64_t>(pool_.frames_total() / 16, 8, 32);
    }

    FramePool const& pool_;
    abi::MemoryRecord wanted_;
    SwapSpace* swap_;
    std::optional<SwapArea> area_;
    Commitment commitment_;
    SpaceRegistry spaces_;
    Reclaimer<Space> reclaimer_{spaces_};
    std::uint64_t most_promised_ = 0;
    std::uint32_t most_slots_used_ = 0;
    std::uint64_t rounds_ = 0;
    std::uint64_t reclaimed_ = 0;
    std::uint64_t ticks_ = 0;
};

template <abi::TextSink Sink>
void MemoryPolicy::explain_shortage(Sink& sink) const {
    if (!area_) {
        abi::put(sink, ", and there is no swap disk");
    } else if (swap_->disk.error()) {
        abi::put(sink, ", and the swap disk fails: ");
        explain_swap_error(sink);
    } else if (area_->slots_used() == area_->slots_total()) {
        abi::put(sink, ", and so are all ");
        abi::put_decimal(sink, area_->slots_total());
        abi::put(sink, " pages of the swap disk");
    } else {
        abi::put(sink, ", and none of them can be swapped out");
    }
}

} // namespace twofold::hv
