// The floor of a launch: the system calls that it takes to run a guest under KVM, made bare, from
// exec to exit. 64 MiB of memory, 64-bit mode over pages of 2M, as `twofold run hello --guest-page
// 2m`.
//   twofold_launch_floor               runs a few instructions that greet
//   twofold_launch_floor GUEST         runs that kernel of the family
//   twofold_launch_floor --peak ARGS   runs a command, and says how many KiB it had resident at the
//   most
#include "kvm/kvm_api.hpp"

#include <twofold/abi/hypercall.hpp>
#include <twofold/abi/report.hpp>
#include <twofold/load/load_guest.hpp>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace {

constexpr std::size_t memory_bytes = std::size_t{64} << 20;
constexpr std::uint64_t tables_at = 0x2000;
constexpr std::uint64_t code_at = 0x1000;
constexpr char greeting[] =
    "hello from hello\nmemory 67108864 bytes, guest pages 2M, host pages 4K\n";

constexpr unsigned char code[] = {
    0x66, 0xba, 0xf8, 0x03, // movw $0x3f8, %dx
    0xf3, 0x6e,             // rep outsb
    0xf4,                   // hlt
};

/// PML4, PDPT and page directory: [0, 64 MiB) to itself.
void map_memory(unsigned char* memory) {
    auto* const tables = reinterpret_cast<std::uint64_t*>(memory + tables_at);
    tables[0] = (tables_at + 0x1000) | 3;
    tables[512] = (tables_at + 0x2000) | 3;
    for (std::uint64_t i = 0; i < memory_bytes >> 21; ++i)
        tables[1024 + i] = i << 21 | 0x83;
}

kvm_segment segment(std::uint16_t selector, std::uint8_t type, std::uint8_t long_mode) {
    kvm_segment made{};
    made.limit = 0xffff'ffff;
    made.selector = selector;
    made.type = type;
    made.present = made.s = made.g = 1;
    made.l = long_mode;
    made.db = long_mode == 0 ? 1 : 0;
    return made;
}

/// Where a guest begins, and with what.
struct Entry {
    std::uint64_t rip, cr3, rdi, rsi, rcx;
};

int prepare_processor(int device, int machine, Entry const& entry) {
    static struct {
        std::uint32_t count = 128;
        std::uint32_t padding = 0;
        kvm_cpuid_entry2 entries[128];
    } cpuid;
    int const processor = ioctl(machine, KVM_CREATE_VCPU, 0);
    ioctl(device, KVM_GET_SUPPORTED_CPUID, &cpuid);
    ioctl(processor, KVM_SET_CPUID2, &cpuid);
    kvm_sregs special{};
    ioctl(processor, KVM_GET_SREGS, &special);
    special.cs = segment(0x08, 11, 1);
    special.ds = special.es = special.fs = special.gs = special.ss = segment(0x10, 3, 0);
    special.cr0 = 0x8001'0033;
    special.cr3 = entry.cr3;
    special.cr4 = 0x220;
    special.efer = 0xd00;
    ioctl(processor, KVM_SET_SREGS, &special);
    kvm_regs registers{};
    registers.rip = entry.rip;
    registers.rdi = entry.rdi;
    registers.rsi = entry.rsi;
    registers.rcx = entry.rcx;
    registers.rflags = 2;
    ioctl(processor, KVM_SET_REGS, &registers);
    return processor;
}

Entry load_greeting(unsigned char* memory) {
    map_memory(memory);
    std::memcpy(memory + code_at, code, sizeof code);
    std::memcpy(memory + code_at + sizeof code, greeting, sizeof greeting);
    return {code_at, tables_at, 0, code_at + sizeof code, sizeof greeting - 1};
}

/// The guest's memory as the core's loader wants it.
struct Memory {
    unsigned char* begin;
    using Result = std::expected<void, int>;
    Result write(twofold::Gpa gpa, std::span<std::byte const> from) {
        std::memcpy(begin + gpa.value(), from.data(), from.size());
        return {};
    }
    Result read(twofold::Gpa gpa, std::span<std::byte> to) {
        std::memcpy(to.data(), begin + gpa.value(), to.size());
        return {};
    }
    Result zero(twofold::Gpa, std::uint64_t) { return {}; }
};

Entry load_file(char const* path, unsigned char* memory) {
    static std::byte bytes[1 << 20];
    int const file = open(path, O_RDONLY | O_CLOEXEC);
    auto const size = read(file, bytes, sizeof bytes);
    if (size <= 0) return {};
    Memory target{memory};
    auto const layout = twofold::load_guest(std::span{bytes, static_cast<std::size_t>(size)},
                                            {.memory_bytes = memory_bytes,
                                             .guest_page = twofold::page_2m,
                                             .host_page_shift = 12,
                                             .habitat = twofold::abi::Habitat::kvm,
                                             .command_line = "hello",
                                             .memory_reads_zero = true},
                                            target);
    if (!layout) return {};
    return {layout->entry.value(), layout->cr3.value(), layout->launch_info.value(), 0, 0};
}

/// What the guest printed.
char text[1024];
std::size_t length = 0;

/// Answers a hypercall that prints. False for any other, the one that ends the guest among them.
bool answer(int processor, unsigned char const* memory) {
    kvm_regs registers{};
    ioctl(processor, KVM_GET_REGS, &registers);
    if (registers.rax != static_cast<std::uint64_t>(twofold::abi::Hypercall::console)) return false;
    // One page at a time: neighbours need not be.
    for (std::uint64_t done = 0; done < registers.rsi && length < sizeof text;) {
        kvm_translation translation{};
        translation.linear_address = registers.rdi + done;
        ioctl(processor, KVM_TRANSLATE, &translation);
        auto const here = std::min(registers.rsi - done, 4096 - translation.linear_address % 4096);
        auto const bytes = std::min<std::size_t>(here, sizeof text - length);
        std::memcpy(text + length, memory + translation.physical_address, bytes);
        length += bytes;
        done += here;
    }
    registers.rax = 0;
    ioctl(processor, KVM_SET_REGS, &registers);
    return true;
}

/// Runs the guest until it halts or makes the hypercall that ends it. Returns whether it did.
bool run(int processor, kvm_run const* run, unsigned char const* memory) {
    while (ioctl(processor, KVM_RUN, 0) == 0 && run->exit_reason == KVM_EXIT_IO) {
        if (run->io.port == twofold::abi::hypercall_port) {
            if (!answer(processor, memory)) break;
            continue;
        }
        if (run->io.port != twofold::abi::console_port) continue;
        for (std::uint32_t i = 0; i < run->io.count && length < sizeof text; ++i)
            text[length++] = reinterpret_cast<char const*>(run)[run->io.data_offset + i];
    }
    return write(STDOUT_FILENO, text, length) == static_cast<ssize_t>(length) && length != 0 &&
           (run->exit_reason == KVM_EXIT_HLT || run->exit_reason == KVM_EXIT_IO);
}

/// A process counts for its peak what it had before its exec: so it must come from a small one.
int measure_peak(char** command) {
    if (vfork() == 0) { // NOLINT(bugprone-unsafe-functions): fork would count this process's memory
        execv(command[0], command);
        _exit(127);
    }
    int status = 0;
    rusage usage{};
    if (wait4(-1, &status, 0, &usage) < 0 || status != 0) return 1;
    std::fprintf(stderr, "%ld\n", usage.ru_maxrss);
    return 0;
}

} // namespace

int main(int argument_count, char** arguments) {
    if (argument_count > 2 && std::strcmp(arguments[1], "--peak") == 0)
        return measure_peak(arguments + 2);
    int const device = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (ioctl(device, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) return 1;
    int const machine = ioctl(device, KVM_CREATE_VM, 0);
    auto* const memory =
        static_cast<unsigned char*>(mmap(nullptr, memory_bytes, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (memory == MAP_FAILED) return 1;
    madvise(memory, memory_bytes, MADV_NOHUGEPAGE);
    Entry const entry =
        argument_count > 1 ? load_file(arguments[1], memory) : load_greeting(memory);
    kvm_userspace_memory_region region{.slot = 0,
                                       .flags = 0,
                                       .guest_phys_addr = 0,
                                       .memory_size = memory_bytes,
                                       .userspace_addr = reinterpret_cast<std::uint64_t>(memory)};
    if (ioctl(machine, KVM_SET_USER_MEMORY_REGION, &region) != 0) return 1;
    int const processor = prepare_processor(device, machine, entry);
    auto const run_bytes = static_cast<std::size_t>(ioctl(device, KVM_GET_VCPU_MMAP_SIZE, 0));
    auto* const shared = static_cast<kvm_run*>(
        mmap(nullptr, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, processor, 0));
    if (shared == MAP_FAILED) return 1;
    return run(processor, shared, memory) ? 0 : 1;
}
