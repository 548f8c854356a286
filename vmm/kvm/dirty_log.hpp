// Which pages of a guest were written, as KVM tells: of the means of the processor, it takes the
// one that it has (write protection, dirty bits or the page-modification log).
#pragma once

#include "kvm/guest_ram.hpp"
#include "kvm/machine.hpp"

#include <twofold/memory/dirty_log.hpp>

#include <cstdint>
#include <vector>

namespace twofold::vmm::kvm {

class DirtyLog {
  public:
    /// Starts the log of what `machine` has as slot 0. Both must outlive it. Throws Failure.
    DirtyLog(Machine& machine, GuestRam& ram);
    /// Ends it.
    ~DirtyLog();
    DirtyLog(DirtyLog const&) = delete;
    DirtyLog& operator=(DirtyLog const&) = delete;

    /// The pages written since the start or the last collection, by the guest or for it: bit n of
    /// word m is page 64 m + n. The log starts anew. Throws Failure.
    std::vector<std::uint64_t> collect();
    /// Those of `pages` pages from `first` on that hold something are about to lose it.
    void note_release(Gpa first, std::uint64_t pages);

  private:
    Machine& machine_;
    GuestRam& ram_;
    /// By this process: KVM does not see it.
    PageMarks own_writes_;
};

} // namespace twofold::vmm::kvm
