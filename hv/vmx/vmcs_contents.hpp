// The contents of a VMCS as values, so that one guest's can be given to another.
#pragma once

#include "hv/vmx/instructions.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace twofold::hv {

namespace detail {

constexpr std::uint32_t encoding(auto field) { return static_cast<std::uint32_t>(field); }

/// Everything that the hypervisor writes and every part of a guest's state, but for what is each
/// guest's own: EPT pointer and VPID. HOST_RSP is written at each entry.
inline constexpr std::array vmcs_contents = [] {
    using W = VmcsField16;
    using Q = VmcsField64;
    using D = VmcsField32;
    using N = VmcsFieldNatural;
    return std::array{encoding(W::guest_es_selector),
                      encoding(W::guest_cs_selector),
                      encoding(W::guest_ss_selector),
                      encoding(W::guest_ds_selector),
                      encoding(W::guest_fs_selector),
                      encoding(W::guest_gs_selector),
                      encoding(W::guest_ldtr_selector),
                      encoding(W::guest_tr_selector),
                      encoding(W::host_es_selector),
                      encoding(W::host_cs_selector),
                      encoding(W::host_ss_selector),
                      encoding(W::host_ds_selector),
                      encoding(W::host_fs_selector),
                      encoding(W::host_gs_selector),
                      encoding(W::host_tr_selector),
                      encoding(Q::tsc_offset),
                      encoding(Q::link_pointer),
                      encoding(Q::guest_debugctl),
                      encoding(Q::guest_pat),
                      encoding(Q::guest_efer),
                      encoding(Q::guest_pdpte0),
                      encoding(Q::guest_pdpte1),
                      encoding(Q::guest_pdpte2),
                      encoding(Q::guest_pdpte3),
                      encoding(Q::host_pat),
                      encoding(Q::host_efer),
                      encoding(D::pin_controls),
                      encoding(D::processor_controls),
                      encoding(D::secondary_controls),
                      encoding(D::exit_controls),
                      encoding(D::entry_controls),
                      encoding(D::exception_bitmap),
                      encoding(D::page_fault_error_mask),
                      encoding(D::page_fault_error_match),
                      encoding(D::cr3_target_count),
                      encoding(D::exit_msr_store_count),
                      encoding(D::exit_msr_load_count),
                      encoding(D::entry_msr_load_count),
                      encoding(D::entry_interruption_information),
                      encoding(D::entry_exception_error_code),
                      encoding(D::entry_instruction_length),
                      encoding(D::guest_es_limit),
                      encoding(D::guest_cs_limit),
                      encoding(D::guest_ss_limit),
                      encoding(D::guest_ds_limit),
                      encoding(D::guest_fs_limit),
                      encoding(D::guest_gs_limit),
                      encoding(D::guest_ldtr_limit),
                      encoding(D::guest_tr_limit),
                      encoding(D::guest_gdtr_limit),
                      encoding(D::guest_idtr_limit),
                      encoding(D::guest_es_access_rights),
                      encoding(D::guest_cs_access_rights),
                      encoding(D::guest_ss_access_rights),
                      encoding(D::guest_ds_access_rights),
                      encoding(D::guest_fs_access_rights),
                      encoding(D::guest_gs_access_rights),
                      encoding(D::guest_ldtr_access_rights),
                      encoding(D::guest_tr_access_rights),
                      encoding(D::guest_interruptibility),
                      encoding(D::guest_activity),
                      encoding(D::guest_sysenter_cs),
                      encoding(D::preemption_timer),
                      encoding(D::host_sysenter_cs),
                      encoding(N::cr0_mask),
                      encoding(N::cr4_mask),
                      encoding(N::cr0_read_shadow),
                      encoding(N::cr4_read_shadow),
                      encoding(N::guest_cr0),
                      encoding(N::guest_cr3),
                      encoding(N::guest_cr4),
                      encoding(N::guest_es_base),
                      encoding(N::guest_cs_base),
                      encoding(N::guest_ss_base),
                      encoding(N::guest_ds_base),
                      encoding(N::guest_fs_base),
                      encoding(N::guest_gs_base),
                      encoding(N::guest_ldtr_base),
                      encoding(N::guest_tr_base),
                      encoding(N::guest_gdtr_base),
                      encoding(N::guest_idtr_base),
                      encoding(N::guest_dr7),
                      encoding(N::guest_rsp),
                      encoding(N::guest_rip),
                      encoding(N::guest_rflags),
                      encoding(N::guest_pending_debug_exceptions),
                      encoding(N::guest_sysenter_esp),
                      encoding(N::guest_sysenter_eip),
                      encoding(N::host_cr0),
                      encoding(N::host_cr3),
                      encoding(N::host_cr4),
                      encoding(N::host_fs_base),
                      encoding(N::host_gs_base),
                      encoding(N::host_tr_base),
                      encoding(N::host_gdtr_base),
                      encoding(N::host_idtr_base),
                      encoding(N::host_sysenter_esp),
                      encoding(N::host_sysenter_eip),
                      encoding(N::host_rip)};
}();

} // namespace detail

/// A processor's VMCS has a layout of its own, and part of it may be inside the processor: contents
/// are taken out and put in field by field.
class VmcsContents {
  public:
    /// Takes all out of the current VMCS.
    void read() { read_all(std::make_index_sequence<detail::vmcs_contents.size()>{}); }
    /// Puts all into the current VMCS.
    void write() const { write_all(std::make_index_sequence<detail::vmcs_contents.size()>{}); }

  private:
    // Unrolled: two instructions a field.
    template <std::size_t... i>
    void read_all(std::index_sequence<i...>) {
        (read_one(std::uint64_t{detail::vmcs_contents[i]}, values_[i]), ...);
    }
    template <std::size_t... i>
    void write_all(std::index_sequence<i...>) const {
        (write_one(std::uint64_t{detail::vmcs_contents[i]}, values_[i]), ...);
    }
    static void read_one(std::uint64_t field, std::uint64_t& value) {
        asm volatile("vmread %1, %0" : "=m"(value) : "r"(field) : "cc");
    }
    static void write_one(std::uint64_t field, std::uint64_t const& value) {
        asm volatile("vmwrite %1, %0" : : "r"(field), "m"(value) : "cc");
    }

    std::array<std::uint64_t, detail::vmcs_contents.size()> values_;
};

} // namespace twofold::hv
