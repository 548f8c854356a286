#include "kvm/confinement.hpp"

#include "system/failure.hpp"

#include <linux/capability.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace twofold::vmm::kvm {

namespace {

/// What KVM_RUN, the answers to exits, the allocator and the thread's end need. No call here opens,
/// connects, executes or sends: of descriptors, only those that are open already can be used.
constexpr int allowed_calls[] = {SCMP_SYS(ioctl),           SCMP_SYS(read),
                                 SCMP_SYS(write),           SCMP_SYS(pread64),
                                 SCMP_SYS(close),           SCMP_SYS(poll),
                                 SCMP_SYS(futex),           SCMP_SYS(clock_gettime),
                                 SCMP_SYS(timerfd_settime), SCMP_SYS(munmap),
                                 SCMP_SYS(mremap),          SCMP_SYS(brk),
                                 SCMP_SYS(madvise),         SCMP_SYS(mincore),
                                 SCMP_SYS(rt_sigprocmask),  SCMP_SYS(rt_sigreturn),
                                 SCMP_SYS(timer_delete),    SCMP_SYS(rt_sigaction),
                                 SCMP_SYS(sigaltstack), // AddressSanitizer, where a thread ends
                                 SCMP_SYS(pipe2), // UndefinedBehaviorSanitizer, to probe memory
                                 SCMP_SYS(tgkill),          SCMP_SYS(getpid),
                                 SCMP_SYS(gettid),          SCMP_SYS(exit),
                                 SCMP_SYS(exit_group),      SCMP_SYS(sched_yield),
                                 SCMP_SYS(restart_syscall), SCMP_SYS(rseq),
                                 SCMP_SYS(getrandom)};

constexpr int disk_calls[] = {SCMP_SYS(pwrite64), SCMP_SYS(fdatasync)};

void drop_capabilities() {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {};
    // Of this thread alone: the one that writes results keeps what its user has.
    if (syscall(SYS_capset, &header, none) != 0)
        throw SystemFailure{"can't drop capabilities", errno};
}

void check(int result) {
    if (result < 0) throw SystemFailure{"can't confine the guest's thread by seccomp", -result};
}

} // namespace

void confine_thread(MayWrite may_write) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        throw SystemFailure{"can't give up gaining privileges", errno};
    drop_capabilities();
    std::unique_ptr<void, decltype(&seccomp_release)> const filter{
        seccomp_init(SCMP_ACT_KILL_PROCESS), &seccomp_release};
    if (!filter) throw Failure{"can't make a seccomp filter"};
    for (int const allowed : allowed_calls)
        check(seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, allowed, 0));
    for (int const allowed : disk_calls)
        if (may_write == MayWrite::disk)
            check(seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, allowed, 0));
    // Code that a guest smuggled in could not be made executable.
    scmp_arg_cmp const not_executable{
        .arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0};
    for (int const mapping : {SCMP_SYS(mmap), SCMP_SYS(mprotect)})
        check(seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, mapping, 1, &not_executable));
    check(seccomp_load(filter.get()));
}

} // namespace twofold::vmm::kvm
