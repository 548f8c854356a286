// What guests ask for that concerns their memory as a whole (abi/hypercall.hpp), carried out by
// what Linux and KVM have for it.
#pragma once

#include "kvm/access_watch.hpp"
#include "kvm/dirty_log.hpp"
#include "kvm/guest_view.hpp"
#include "kvm/page_merger.hpp"

#include <twofold/abi/hypercall.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace twofold::vmm::kvm {

/// Made at the first such call of a guest. Its methods are for the thread that waits for events,
/// while the processor that asked has left the guest.
class MemoryCalls {
  public:
    struct Parts {
        Machine& machine;
        GuestRam& ram;
        std::uint64_t guest;
        /// Nothing else runs in the guest, and nobody else answers its faults.
        bool stands_still;
        bool has_fault_handler;
        /// The launch keeps a log of what the guest writes: it can keep none of its own.
        bool is_logged;
        /// The launch lets the guest choose its memory's page sizes.
        bool may_resize;
        /// Nothing, where the launch does not allow pages to be merged.
        PageMerger* merger;
        std::function<void(std::string line)> report;
    };
    explicit MemoryCalls(Parts parts) : parts_(std::move(parts)) {}
    ~MemoryCalls();
    MemoryCalls(MemoryCalls const&) = delete;
    MemoryCalls& operator=(MemoryCalls const&) = delete;

    /// The result of the call, one of those that this class is for.
    std::uint64_t answer(abi::Hypercall call, kvm_regs const& registers, kvm_sregs const& special);
    /// Pages are about to be given back. Also on the guest's own thread.
    void note_release(Gpa first, std::uint64_t pages);
    /// All pages are in the guest's memory, each its own. To be called before the memory is copied
    /// or replaced, by whichever thread has the guest then.
    void settle();
    /// Pages that have a frame elsewhere than in the guest's memory.
    [[nodiscard]] std::uint64_t frames_elsewhere() const { return watch_ ? watch_->away() : 0; }

  private:
    std::uint64_t log_dirty(std::uint64_t means);
    std::uint64_t collect_dirty(Gva to, std::uint64_t words, kvm_sregs const& special);
    std::uint64_t merge(Gpa first, std::uint64_t pages, std::uint64_t only_count);
    std::uint64_t working_set();
    [[nodiscard]] std::uint64_t resize(Gpa gpa, std::uint64_t shift) const;
    [[nodiscard]] std::uint64_t leaves(std::uint64_t gpa_and_level) const;
    void stop_watching() { watch_.reset(); }
    void forget_merged(std::uint64_t first, std::uint64_t pages);

    Parts parts_;
    std::optional<DirtyLog> log_;
    std::optional<AccessWatch> watch_;
    bool merged_ = false;
};

} // namespace twofold::vmm::kvm
