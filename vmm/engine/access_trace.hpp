// A guest's accesses out of what Bochs prints of each instruction and each access of the machine.
#pragma once

#include "sim/access_source.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

namespace twofold::vmm {

/// Takes what Bochs prints with `trace on` and `trace-mem on` from a guest's first instruction on,
/// and passes the guest's accesses on: one for the fetch of each instruction, at its first byte,
/// and one for each read and write of data, at its linear address. What the hypervisor does between
/// a VM exit and the next entry is left out, as are reads of page tables. An instruction that the
/// guest resumes with after an exit, as after an EPT violation, counts once.
class GuestAccessFilter {
  public:
    using Take = std::function<void(TraceAccess const&)>;

    explicit GuestAccessFilter(Take take) : take_(std::move(take)) {}

    /// One line of Bochs's.
    void add_line(std::string_view line);

  private:
    enum class State : std::uint8_t {
        guest,
        hypervisor,
        /// VMRESUME or VMLAUNCH was the last instruction.
        entering,
    };
    void add_instruction(std::uint64_t address, std::string_view text);

    Take take_;
    bool enabled_ = false;
    State state_ = State::guest;
    /// Where the hypervisor begins after a VM exit, once that was seen.
    std::optional<std::uint64_t> exit_handler_;
    /// The guest's instruction that was traced last.
    std::optional<std::uint64_t> last_;
    /// The guest has just come back.
    bool resumed_ = false;
};

} // namespace twofold::vmm
