// Writes the seccomp filters of kvm/confinement.cpp as arrays of BPF instructions: libseccomp makes
// them when the command is built, so that no launch has to.
#include <linux/filter.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

namespace {

/// What KVM_RUN, the answers to exits, the allocator and the thread's end need. No call here opens,
/// connects, executes or sends: of descriptors, only those that are open already can be used.
constexpr int allowed_calls[] = {SCMP_SYS(ioctl),
                                 SCMP_SYS(read),
                                 SCMP_SYS(write),
                                 SCMP_SYS(pread64),
                                 SCMP_SYS(close),
                                 SCMP_SYS(poll),
                                 SCMP_SYS(futex),
                                 SCMP_SYS(clock_gettime),
                                 SCMP_SYS(munmap),
                                 SCMP_SYS(mremap),
                                 SCMP_SYS(brk),
                                 SCMP_SYS(madvise),
                                 SCMP_SYS(mincore),
                                 SCMP_SYS(rt_sigprocmask),
                                 SCMP_SYS(rt_sigreturn),
                                 SCMP_SYS(timer_delete),
                                 SCMP_SYS(rt_sigaction),
                                 SCMP_SYS(sigaltstack), // AddressSanitizer, where a thread ends
                                 SCMP_SYS(pipe2), // UndefinedBehaviorSanitizer, to probe memory
                                 SCMP_SYS(tgkill),
                                 SCMP_SYS(getpid),
                                 SCMP_SYS(gettid),
                                 SCMP_SYS(exit),
                                 SCMP_SYS(exit_group),
                                 SCMP_SYS(sched_yield),
                                 SCMP_SYS(restart_syscall),
                                 SCMP_SYS(rseq),
                                 SCMP_SYS(getrandom)};

constexpr int disk_calls[] = {SCMP_SYS(pwrite64), SCMP_SYS(fdatasync)};

void check(int result, char const* what) {
    if (result >= 0) return;
    std::fprintf(stderr, "write_filters: %s: error %d\n", what, -result);
    std::exit(1);
}

std::vector<sock_filter> filter_of(std::span<int const> more) {
    std::unique_ptr<void, decltype(&seccomp_release)> const filter{
        seccomp_init(SCMP_ACT_KILL_PROCESS), &seccomp_release};
    check(filter ? 0 : -1, "seccomp_init");
    // The kernel tries a new filter on every call that there is: a tree takes it half as long.
    constexpr std::uint32_t binary_tree = 2;
    check(seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, binary_tree), "a binary tree");
    for (auto const calls : {std::span<int const>{allowed_calls}, more})
        for (int const allowed : calls)
            check(seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, allowed, 0), "seccomp_rule_add");
    // Code that a guest smuggled in could not be made executable.
    scmp_arg_cmp const not_executable{
        .arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = PROT_EXEC, .datum_b = 0};
    for (int const mapping : {SCMP_SYS(mmap), SCMP_SYS(mprotect)})
        check(seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, mapping, 1, &not_executable),
              "seccomp_rule_add_array");
    int const file = memfd_create("filter", 0);
    check(file, "memfd_create");
    check(seccomp_export_bpf(filter.get(), file), "seccomp_export_bpf");
    auto const bytes = lseek(file, 0, SEEK_END);
    check(bytes > 0 ? 0 : -1, "lseek");
    std::vector<sock_filter> instructions(static_cast<std::size_t>(bytes) / sizeof(sock_filter));
    auto const size = instructions.size() * sizeof(sock_filter);
    check(pread(file, instructions.data(), size, 0) == bytes ? 0 : -1, "the filter's size");
    close(file);
    return instructions;
}

void write_array(char const* name, std::span<sock_filter const> instructions) {
    std::printf("inline constexpr sock_filter %s[] = {\n", name);
    for (auto const& one : instructions)
        std::printf("    {0x%02x, %u, %u, 0x%08x},\n", one.code, one.jt, one.jf, one.k);
    std::printf("};\n");
}

} // namespace

int main() {
    std::printf("// Written by confinement/write_filters.cpp.\n#pragma once\n\n"
                "#include <linux/filter.h>\n\n"
                "namespace twofold::vmm::kvm {\n\n");
    write_array("filter_without_disk", filter_of({}));
    write_array("filter_with_disk", filter_of(disk_calls));
    std::printf("\n} // namespace twofold::vmm::kvm\n");
}
