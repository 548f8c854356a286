#include "kvm/confinement.hpp"

#include "kvm/confinement_filters.hpp"
#include "system/failure.hpp"

#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <span>

namespace twofold::vmm::kvm {

namespace {

void drop_capabilities() {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
    // Of this thread alone: the one that writes results keeps what its user has.
    if (syscall(SYS_capset, &header, none) != 0)
        throw SystemFailure{"can't drop capabilities", errno};
}

void filter_calls(std::span<sock_filter const> filter) {
    sock_fprog const program{.len = static_cast<unsigned short>(filter.size()),
                             .filter = const_cast<sock_filter*>(filter.data())};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
        throw SystemFailure{"can't confine the guest's thread by seccomp", errno};
}

} // namespace

void confine_thread(MayWrite may_write) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        throw SystemFailure{"can't give up gaining privileges", errno};
    drop_capabilities();
    if (may_write == MayWrite::disk) {
        filter_calls(filter_with_disk);
    } else {
        filter_calls(filter_without_disk);
    }
}

} // namespace twofold::vmm::kvm
