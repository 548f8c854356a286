// The floor of a launch: the system calls that it takes to run a greeting under KVM, made bare,
// from exec to exit. 64 MiB of memory, 64-bit mode over pages of 2M, as `twofold run hello
// --guest-page 2m`.
#include "kvm/kvm_api.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
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

int prepare_processor(int device, int machine) {
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
    special.cr3 = tables_at;
    special.cr4 = 0x220;
    special.efer = 0xd00;
    ioctl(processor, KVM_SET_SREGS, &special);
    kvm_regs registers{};
    registers.rip = code_at;
    registers.rsi = code_at + sizeof code;
    registers.rcx = sizeof greeting - 1;
    registers.rflags = 2;
    ioctl(processor, KVM_SET_REGS, &registers);
    return processor;
}

} // namespace

int main() {
    int const device = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (ioctl(device, KVM_GET_API_VERSION, 0) != KVM_API_VERSION) return 1;
    int const machine = ioctl(device, KVM_CREATE_VM, 0);
    auto* const memory =
        static_cast<unsigned char*>(mmap(nullptr, memory_bytes, PROT_READ | PROT_WRITE,
                                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (memory == MAP_FAILED) return 1;
    madvise(memory, memory_bytes, MADV_NOHUGEPAGE);
    map_memory(memory);
    std::memcpy(memory + code_at, code, sizeof code);
    std::memcpy(memory + code_at + sizeof code, greeting, sizeof greeting);
    kvm_userspace_memory_region region{.slot = 0,
                                       .flags = 0,
                                       .guest_phys_addr = 0,
                                       .memory_size = memory_bytes,
                                       .userspace_addr = reinterpret_cast<std::uint64_t>(memory)};
    if (ioctl(machine, KVM_SET_USER_MEMORY_REGION, &region) != 0) return 1;
    int const processor = prepare_processor(device, machine);
    auto const run_bytes = static_cast<std::size_t>(ioctl(device, KVM_GET_VCPU_MMAP_SIZE, 0));
    auto* const run = static_cast<kvm_run*>(
        mmap(nullptr, run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, processor, 0));
    if (run == MAP_FAILED) return 1;
    char text[sizeof greeting];
    std::size_t length = 0;
    while (ioctl(processor, KVM_RUN, 0) == 0 && run->exit_reason == KVM_EXIT_IO) {
        for (std::uint32_t i = 0; i < run->io.count && length < sizeof text; ++i)
            text[length++] = reinterpret_cast<char const*>(run)[run->io.data_offset + i];
    }
    if (write(STDOUT_FILENO, text, length) < 0) return 1;
    return run->exit_reason == KVM_EXIT_HLT && length == sizeof greeting - 1 ? 0 : 1;
}
