// Puts a guest into its memory, by the protocol that it is made for.
#pragma once

#include "image/launch_plan.hpp"
#include "kvm/guest_ram.hpp"
#include "kvm/image_ram.hpp"

#include <twofold/load/boot_state.hpp>

#include <expected>
#include <string>

namespace twofold::vmm::kvm {

/// The state in which the loaded guest starts, or why it cannot be loaded. `ram` reads as zero.
std::expected<BootState, std::string> load_into(GuestRam& ram, GuestPlan const& plan);
/// The same, leaving what it can in the plan's file.
std::expected<BootState, std::string> load_into(ImageRam& ram, GuestPlan const& plan);

} // namespace twofold::vmm::kvm
