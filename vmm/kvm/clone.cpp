#include "kvm/clone.hpp"

#include "system/failure.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace twofold::vmm::kvm {

namespace {

FileDescriptor memory_file_of(std::uint64_t bytes) {
    FileDescriptor file{memfd_create("guest template", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    if (!file.open() || ftruncate(file.get(), static_cast<off_t>(bytes)) != 0)
        throw SystemFailure{"can't make a file in memory for a template", errno};
    return file;
}

bool all_zero(std::span<std::byte const> page) {
    return std::ranges::all_of(page, [](std::byte byte) { return byte == std::byte{0}; });
}

} // namespace

Template::Template(std::span<std::byte const> memory, ProcessorState state)
    : memory_bytes_(memory.size()), memory_(memory_file_of(memory.size())),
      state_(std::move(state)) {
    auto copy = GuestRam::shared(memory_, memory_bytes_);
    for (std::uint64_t at = 0; at < memory_bytes_; at += page_4k.bytes()) {
        auto const page = memory.subspan(at, page_4k.bytes());
        if (!all_zero(page)) (void)copy.write(Gpa{at}, page);
    }
}

EmptyMachine::EmptyMachine(Device const& device, CpuidTable const& cpuid)
    : machine(device), processor(device, machine, 0, &cpuid) {}

Clone::Clone(Template const& from, EmptyMachine machine)
    : from_(from), ram_(GuestRam::copy_of(from.memory(), from.memory_bytes())),
      machine_(std::move(machine)) {
    machine_.machine.set_slot(0, Gpa{}, ram_.bytes());
    write_state(machine_.processor, from_.state());
}

void Clone::reset() {
    ram_.discard();
    write_state(machine_.processor, from_.state());
}

} // namespace twofold::vmm::kvm
