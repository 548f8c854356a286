// An EPT entry that is changed at its own guest's wish until the guest's next exit, which shows
// what the processor makes of it.
#pragma once

#include <twofold/abi/hypercall.hpp>
#include <twofold/arch/address.hpp>

#include <array>
#include <cstdint>

namespace twofold::hv {

struct Guest;
struct Registers;

/// There is one for all guests, since it ends with the exit that follows it.
struct EptProbe {
    /// Whose it is; nothing before the first.
    Guest const* owner = nullptr;
    /// The entry at `slot` is not as it must be.
    bool armed = false;
    /// The exit under way came of the probe and is answered.
    bool answers_exit = false;
    /// A result waits to be asked for.
    bool has_result = false;
    std::uint8_t level = 0;
    Gpa gpa{};
    Hpa slot{};
    /// What belongs at `slot`.
    std::uint64_t kept = 0;
    /// The entries on the way, the root's first, as the processor found them; 0 behind the leaf.
    std::array<std::uint64_t, 4> entries{};
    abi::ProbeOutcome outcome = abi::ProbeOutcome::disturbed;
    std::uint64_t qualification = 0;
    Gpa exit_gpa{};

    [[nodiscard]] std::uint64_t& changed() { return entries[4U - level]; }
};

/// The hypercalls `probe` and `probe_result`. Both return true: the guest resumes.
bool probe_for(Guest& guest, Registers& registers);
bool probe_result_for(Guest& guest, Registers& registers);

/// Ends the guest's probe if it is armed, and notes what the current exit says about it.
void end_probe(Guest& guest);
/// Whether the misconfiguration that the guest has left for came of its probe, and is answered.
bool probe_answers_exit(Guest const& guest);
/// Ends it without a look at the exit: the guest does not run on.
void drop_probe(Guest& guest);

} // namespace twofold::hv
