// What guests ask for (abi/hypercall.hpp), answered here.
#pragma once

#include "kvm/guest_ram.hpp"
#include "kvm/guest_records.hpp"
#include "kvm/host.hpp"
#include "kvm/machine.hpp"
#include "kvm/second_dimension.hpp"

#include <twofold/abi/hypercall.hpp>

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace twofold::vmm::kvm {

/// What a guest's threads need beside its processor and its memory.
struct GuestServices {
    std::uint64_t number = 0;
    std::function<void(std::string_view)> console;
    std::function<void(std::string line)> report;
    /// Pages that the guest gives back, of its memory: how many held something; see GuestRam.
    std::function<std::optional<std::uint64_t>(Gpa first, std::uint64_t pages)> release;
    bool may_release = false;
    /// Carries out a call of those that are for MemoryCalls: its result.
    std::function<std::uint64_t(abi::Hypercall, kvm_regs const&, kvm_sregs const&)> on_memory;
    /// What the host's KVM does; for what is said of a guest that it could not go on with.
    std::function<Paging()> paging_of_host = [] { return examine_host().paging; };
    /// Makes a clone of the guest, whose only processor has left it and waits: the clone's number.
    std::function<std::expected<std::uint64_t, abi::HypercallError>()> clone;
};

class Hypercalls {
  public:
    Hypercalls(Processor& processor, GuestRam const& ram, GuestServices const& services)
        : processor_(processor), ram_(ram), services_(services) {}

    /// Answers the call that the processor's registers make. The guest's end, if it asked for it.
    std::optional<Stop> answer();

  private:
    [[nodiscard]] std::uint64_t walk(Gva gva);
    [[nodiscard]] std::uint64_t take_figure(kvm_regs const& registers);
    [[nodiscard]] std::uint64_t write_console(kvm_regs const& registers);
    [[nodiscard]] std::uint64_t release(Gpa first, std::uint64_t pages);
    [[nodiscard]] std::uint64_t clone();

    Processor& processor_;
    GuestRam const& ram_;
    GuestServices const& services_;
    /// Built at the first walk that is asked for.
    std::unique_ptr<SlotTables> slot_;
};

} // namespace twofold::vmm::kvm
