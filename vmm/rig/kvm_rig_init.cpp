// The first and only process of the rig's Linux: loads KVM, runs /commands, and ends the machine.
#include <fcntl.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace {

void say_failure(char const* what) { std::printf("rig: %s: %s\n", what, std::strerror(errno)); }

void mount_at(char const* kind, char const* place) {
    mkdir(place, 0755);
    if (mount(kind, place, kind, 0, nullptr) != 0) say_failure(place);
}

void load_module(char const* file) {
    int const module = open(file, O_RDONLY | O_CLOEXEC);
    if (module < 0 || syscall(SYS_finit_module, module, "", 0) != 0) say_failure(file);
    close(module);
}

bool has_amd_virtualization() {
    unsigned eax = 0x80000001;
    unsigned ecx = 0;
    asm volatile("cpuid" : "+a"(eax), "=c"(ecx) : : "ebx", "edx");
    return (ecx & 4U) != 0;
}

/// The exit status of the commands, or 128 + the signal that ended their shell.
int run_commands() {
    pid_t const child = fork();
    if (child == 0) {
        setenv("PATH", "/bin", 1);
        execl("/bin/busybox", "sh", "/commands", nullptr);
        say_failure("/bin/busybox");
        _exit(127);
    }
    int status = 0;
    while (waitpid(child, &status, 0) != child) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/// Both emulators stop at their own port and ignore the other's: Bochs enters its debugger, whose
/// commands end it; QEMU has isa-debug-exit.
[[noreturn]] void end_machine() {
    std::fflush(stdout);
    tcdrain(STDOUT_FILENO);
    iopl(3);
    outb('D', 0x8900);
    outb(0, 0xf4);
    for (;;)
        pause();
}

} // namespace

int main() {
    mount_at("devtmpfs", "/dev");
    int const console = open("/dev/ttyS0", O_RDWR | O_NOCTTY);
    for (int const standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        dup2(console, standard);
    mount_at("proc", "/proc");
    mount_at("sysfs", "/sys");
    mount_at("tmpfs", "/tmp");
    load_module("/modules/irqbypass.ko");
    load_module("/modules/kvm.ko");
    load_module(has_amd_virtualization() ? "/modules/kvm-amd.ko" : "/modules/kvm-intel.ko");
    std::printf("rig: begin\n");
    std::fflush(stdout);
    std::printf("rig: end %d\n", run_commands());
    end_machine();
}
