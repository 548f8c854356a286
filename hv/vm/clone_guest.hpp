// Clones of guests.
#pragma once

#include "hv/vm/scheduler.hpp"

#include <cstdint>
#include <expected>

namespace twofold::hv {

/// A second guest in the same state as `parent`, waiting for its turn: memory, registers, events
/// that are to be delivered, devices and what is left of its time. Its number, the line that it is
/// printing and its figures are its own; `result` is what it finds in RAX. `registers`: the
/// parent's. Returns the clone's number. The cost does not depend on how much memory there is.
std::expected<std::uint32_t, SpaceError> clone_guest(Guest& parent, Registers const& registers,
                                                     std::uint64_t result);

/// What tags a guest's translations.
std::uint64_t ept_pointer_for(VmxCapabilities const& capabilities, abi::GuestRecord const& record,
                              Hpa root);
std::uint16_t vpid_of(std::uint32_t index);

} // namespace twofold::hv
