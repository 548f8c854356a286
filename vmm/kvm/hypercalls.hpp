// What guests ask for (abi/hypercall.hpp), answered here.
#pragma once

#include "kvm/guest_ram.hpp"
#include "kvm/guest_records.hpp"
#include "kvm/machine.hpp"
#include "kvm/outbox.hpp"
#include "kvm/second_dimension.hpp"

#include <memory>
#include <optional>

namespace twofold::vmm::kvm {

class Hypercalls {
  public:
    Hypercalls(Processor& processor, GuestRam const& ram, Outbox& outbox)
        : processor_(processor), ram_(ram), outbox_(outbox) {}

    /// Answers the call that the processor's registers make. The guest's end, if it asked for it.
    std::optional<Stop> answer();

  private:
    [[nodiscard]] std::uint64_t walk(Gva gva);
    [[nodiscard]] std::uint64_t take_figure(kvm_regs const& registers);
    [[nodiscard]] std::uint64_t write_console(kvm_regs const& registers);

    Processor& processor_;
    GuestRam const& ram_;
    Outbox& outbox_;
    /// Built at the first walk that is asked for.
    std::unique_ptr<SlotTables> slot_;
};

} // namespace twofold::vmm::kvm
