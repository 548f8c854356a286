#include "hv/vm/guest_access.hpp"

#include "hv/cpu/control_registers.hpp"
#include "hv/vm/explain_shortage.hpp"
#include "hv/vm/guest_paging.hpp"
#include "hv/vmx/events.hpp"
#include "hv/vmx/invalidate.hpp"

#include <algorithm>
#include <cstring>

namespace twofold::hv {

namespace {

/// "Page-Fault Exceptions": the bits of the error code.
std::uint32_t error_code_of(bool present, Access access, bool user) {
    return (present ? 1U : 0U) | (access == Access::write ? 2U : 0U) | (user ? 4U : 0U) |
           (access == Access::execute ? 16U : 0U);
}

bool in_ring_3() {
    constexpr std::uint32_t descriptor_privilege_level = 3U << 5;
    return (read_vmcs(VmcsField32::guest_ss_access_rights) & descriptor_privilege_level) ==
           descriptor_privilege_level;
}

/// SMAP: ring 0 must not touch ring 3's pages while RFLAGS.AC is clear.
bool prevented(Permissions permissions) {
    constexpr std::uint64_t alignment_check = bit(18);
    return permissions.user &&
           (read_vmcs(VmcsFieldNatural::guest_cr4) & cr4::supervisor_access_prevention) != 0 &&
           (read_vmcs(VmcsFieldNatural::guest_rflags) & alignment_check) == 0;
}

bool allowed(Permissions permissions, Access access, bool user) {
    if (user ? !permissions.user : prevented(permissions)) return false;
    bool const write_protect = (read_vmcs(VmcsFieldNatural::guest_cr0) & cr0::write_protect) != 0;
    if (access == Access::write && !user && !write_protect) return true;
    return permissions.allow(access);
}

} // namespace

std::expected<Hpa, AccessFault> reach(Guest& guest, Gva gva, Access access) {
    bool const user = in_ring_3();
    if (in_64_bit_code() && !is_canonical(gva))
        return std::unexpected(AccessFault{AccessFault::Kind::general_protection, gva});
    for (;;) {
        auto const found = walk_guest(guest, gva, [](Reference const&) {});
        if (found && allowed(found->guest_permissions, access, user) &&
            found->ept_permissions.allow(access)) {
            // The processor notes its own writes, not the hypervisor's.
            if (access == Access::write && guest.dirty != nullptr)
                guest.dirty->log.mark(found->gpa);
            return found->hpa;
        }
        if (found && !allowed(found->guest_permissions, access, user)) {
            return std::unexpected(
                AccessFault{AccessFault::Kind::page_fault, gva, error_code_of(true, access, user)});
        }
        if (!found && found.error().dimension == Dimension::guest) {
            bool const reserved = found.error().reason == WalkFaultReason::malformed;
            return std::unexpected(
                AccessFault{AccessFault::Kind::page_fault, gva,
                            error_code_of(reserved, access, user) | (reserved ? 8U : 0U)});
        }
        // The second dimension lacks a page: bring it in as a violation would, and walk again.
        Gpa const gpa = found ? found->gpa : found.error().gpa;
        Violation const violation{.gpa = gpa, .access = found ? access : Access::read, .gva = gva};
        auto const resolution =
            guest.scheduler.with_frames([&] { return guest.space.resolve(violation); });
        if (!resolution) {
            return std::unexpected(
                AccessFault{AccessFault::Kind::no_page, gva, 0, gpa, resolution.error()});
        }
        carry_out(resolution->duty, guest.ept_pointer);
    }
}

std::expected<Hpa, AccessFault> PageReach::operator()(Gva gva) {
    constexpr std::uint64_t page = page_4k.bytes();
    if (!last_ || gva.aligned_down(page) != last_->gva) {
        last_.reset();
        auto const hpa = reach(*guest_, gva, access_);
        if (!hpa) return hpa;
        last_ = Page{gva.aligned_down(page), hpa->aligned_down(page)};
    }
    return last_->hpa + gva.offset_in(page);
}

std::expected<void, AccessFault> read_guest(Guest& guest, Gva gva, std::span<std::byte> bytes) {
    for (std::size_t done = 0; done < bytes.size();) {
        Gva const from = gva + done;
        auto const hpa = reach(guest, from, Access::read);
        if (!hpa) return std::unexpected(hpa.error());
        std::size_t const length =
            std::min<std::size_t>(bytes.size() - done, 4096 - from.offset_in(4096));
        std::memcpy(bytes.data() + done, at<void>(*hpa), length);
        done += length;
    }
    return {};
}

bool answer_fault(Guest& guest, AccessFault const& fault) {
    if (fault.kind == AccessFault::Kind::general_protection) {
        inject_exception(exception::general_protection);
        return true;
    }
    if (fault.kind == AccessFault::Kind::page_fault) {
        write_cr2(fault.gva.value());
        inject_exception(exception::page_fault, fault.error_code);
        return true;
    }
    return guest.end_with(stop_reason_of(fault.error), 1, [&](auto& sink) {
        sink("an I/O instruction needs gpa ");
        abi::put_hexadecimal(sink, fault.gpa.value());
        sink(", gva ");
        abi::put_hexadecimal(sink, fault.gva.value());
        sink(": ");
        explain(guest, fault.error, sink);
    });
}

} // namespace twofold::hv
