#include "hv/vmx/capabilities.hpp"

#include "hv/cpu/cpuid.hpp"
#include "hv/cpu/msr.hpp"
#include "hv/device/serial_ports.hpp"

#include <twofold/abi/json_line.hpp>
#include <twofold/arch/msr.hpp>

#include <span>
#include <string_view>

namespace twofold::hv {

namespace {

struct Need {
    unsigned position;
    std::string_view capability;
    std::string_view where;
    std::string_view meaning;
};

bool report_missing(std::string_view capability, std::string_view where, std::string_view meaning) {
    abi::JsonLine{report}("record", "capability_missing")("capability", capability)("where", where)(
        "meaning", meaning);
    return false;
}

constexpr std::string_view too_old = "this processor's VT-x is too old for Twofold; a later one, "
                                     "or a later model in the emulator, has it";

constexpr Need pin_needs[] = {
    {pin_control::external_interrupt_exiting, "external-interrupt exiting",
     "IA32_VMX_TRUE_PINBASED_CTLS[32]", too_old},
    {pin_control::nmi_exiting, "NMI exiting", "IA32_VMX_TRUE_PINBASED_CTLS[35]", too_old},
    {pin_control::preemption_timer, "preemption timer", "IA32_VMX_TRUE_PINBASED_CTLS[38]",
     "without it a guest that loops for ever could not be stopped"},
};
constexpr Need secondary_needs[] = {
    {secondary_control::enable_ept, "EPT", "IA32_VMX_PROCBASED_CTLS2[33]",
     "this processor has no second dimension of paging; processors since 2008 (Nehalem) have it"},
    {secondary_control::unrestricted_guest, "unrestricted guest", "IA32_VMX_PROCBASED_CTLS2[39]",
     "guests could not turn paging off; processors since 2010 (Westmere) have it"},
    {secondary_control::enable_vpid, "VPID", "IA32_VMX_PROCBASED_CTLS2[37]", too_old},
};
constexpr Need exit_needs[] = {
    {exit_control::save_preemption_timer, "saving of the preemption timer",
     "IA32_VMX_TRUE_EXIT_CTLS[54]", too_old},
    {exit_control::load_efer, "loading of EFER at exits", "IA32_VMX_TRUE_EXIT_CTLS[53]", too_old},
    {exit_control::load_pat, "loading of PAT at exits", "IA32_VMX_TRUE_EXIT_CTLS[51]", too_old},
};
constexpr Need ept_needs[] = {
    {ept_capability::page_walk_length_4, "EPT of 4 levels", "IA32_VMX_EPT_VPID_CAP[6]", too_old},
    {ept_capability::write_back, "write-back EPT tables", "IA32_VMX_EPT_VPID_CAP[14]", too_old},
    {ept_capability::invept_single_context, "single-context INVEPT", "IA32_VMX_EPT_VPID_CAP[25]",
     too_old},
    {ept_capability::invept_all_contexts, "all-context INVEPT", "IA32_VMX_EPT_VPID_CAP[26]",
     too_old},
    {ept_capability::invvpid_individual_address, "individual-address INVVPID",
     "IA32_VMX_EPT_VPID_CAP[40]", too_old},
    {ept_capability::invvpid_single_context, "single-context INVVPID", "IA32_VMX_EPT_VPID_CAP[41]",
     too_old},
};

template <class Has>
bool check(std::span<Need const> needs, Has&& has) {
    bool all = true;
    for (Need const& need : needs) {
        if (!has(need.position)) all = report_missing(need.capability, need.where, need.meaning);
    }
    return all;
}

bool vmx_is_on() {
    if ((cpuid(1).ecx & bit(5)) == 0) {
        return report_missing("VT-x", "CPUID.1:ECX[5]",
                              "this processor, or the virtual machine that this is, has no VT-x; "
                              "take an Intel processor, or the Bochs engine");
    }
    std::uint64_t const control = read_msr(Msr::feature_control);
    bool const locked_off = (control & feature_control::locked) != 0 &&
                            (control & feature_control::vmx_outside_smx) == 0;
    if (locked_off) {
        return report_missing(
            "VT-x outside SMX", "IA32_FEATURE_CONTROL[2]",
            "the firmware has locked VT-x off; turn it on in the firmware's set-up");
    }
    if ((control & feature_control::locked) == 0) {
        write_msr(Msr::feature_control,
                  control | feature_control::locked | feature_control::vmx_outside_smx);
    }
    return true;
}

bool has_true_controls_and_secondary() {
    if ((read_msr(Msr::vmx_basic) & bit(55)) == 0)
        return report_missing("TRUE control MSRs", "IA32_VMX_BASIC[55]", too_old);
    VmxControlCapability const processor{read_msr(Msr::vmx_true_procbased_controls)};
    if (processor.may_be_one(processor_control::secondary_controls)) return true;
    return report_missing(
        "EPT", "IA32_VMX_TRUE_PROCBASED_CTLS[63]",
        "this processor has no secondary controls and so no second dimension of paging");
}

/// IA32_VMX_EPT_VPID_CAP exists only where EPT or VPID does.
bool has_ept_details(VmxCapabilities const& found, PageSize largest_leaf) {
    if (!found.secondary.may_be_one(secondary_control::enable_ept)) return false;
    bool all = check(ept_needs, [&](unsigned position) { return found.has_ept(position); });
    if (largest_leaf >= page_2m && !found.has_ept(ept_capability::pages_2m)) {
        all = report_missing("EPT pages of 2 MiB", "IA32_VMX_EPT_VPID_CAP[16]",
                             "take --host-page 4k");
    }
    if (largest_leaf >= page_1g && !found.has_ept(ept_capability::pages_1g)) {
        all = report_missing("EPT pages of 1 GiB", "IA32_VMX_EPT_VPID_CAP[17]",
                             "take --host-page 2m or 4k");
    }
    return all;
}

VmxCapabilities read_capabilities() {
    VmxCapabilities found;
    found.pin = VmxControlCapability{read_msr(Msr::vmx_true_pinbased_controls)};
    found.processor = VmxControlCapability{read_msr(Msr::vmx_true_procbased_controls)};
    found.secondary = VmxControlCapability{read_msr(Msr::vmx_procbased_controls_2)};
    found.exit = VmxControlCapability{read_msr(Msr::vmx_true_exit_controls)};
    found.entry = VmxControlCapability{read_msr(Msr::vmx_true_entry_controls)};
    bool const has_details = found.secondary.may_be_one(secondary_control::enable_ept) ||
                             found.secondary.may_be_one(secondary_control::enable_vpid);
    found.ept_and_vpid = has_details ? read_msr(Msr::vmx_ept_vpid_capability) : 0;
    found.revision = static_cast<std::uint32_t>(field(read_msr(Msr::vmx_basic), 30, 0));
    found.preemption_timer_shift = static_cast<unsigned>(field(read_msr(Msr::vmx_misc), 4, 0));
    found.physical_bits = cpuid(0x8000'0008).eax & 0xff;
    return found;
}

} // namespace

EptFormat<4> VmxCapabilities::ept_format() const {
    EptFormat<4> format;
    format.physical_bits = physical_bits;
    format.execute_only = has_ept(ept_capability::execute_only);
    format.pages_2m = has_ept(ept_capability::pages_2m);
    format.pages_1g = has_ept(ept_capability::pages_1g);
    return format;
}

std::optional<VmxCapabilities> find_capabilities(PageSize largest_leaf) {
    if (!vmx_is_on() || !has_true_controls_and_secondary()) return std::nullopt;
    VmxCapabilities const found = read_capabilities();
    bool const pin =
        check(pin_needs, [&](unsigned position) { return found.pin.may_be_one(position); });
    bool const secondary = check(
        secondary_needs, [&](unsigned position) { return found.secondary.may_be_one(position); });
    bool const exit =
        check(exit_needs, [&](unsigned position) { return found.exit.may_be_one(position); });
    bool const ept = has_ept_details(found, largest_leaf);
    if (!pin || !secondary || !exit || !ept) return std::nullopt;
    return found;
}

} // namespace twofold::hv
