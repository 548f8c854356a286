// Guest-physical addresses behind the end of the guest's memory.
#include "guest/hostile/behaviours.hpp"
#include "guest/hostile/tables.hpp"
#include "guest/kit/paging.hpp"

#include <twofold/abi/report.hpp>

namespace twofold::guest {

namespace {

/// A page that is mapped to the first address behind the memory.
std::uint64_t beyond() {
    auto const region = map_region(Gpa{launch().memory_bytes}, page_4k.bytes(), page_4k,
                                   Permissions{.read = true, .write = true, .execute = true});
    return region ? region->value() : 0;
}

} // namespace

int read_beyond(Arguments) {
    return static_cast<int>(*reinterpret_cast<std::uint64_t volatile*>(beyond()));
}

int write_beyond(Arguments) {
    *reinterpret_cast<std::uint64_t volatile*>(beyond() + 8) = 1;
    return 1;
}

int execute_beyond(Arguments) {
    reinterpret_cast<void (*)()>(beyond())();
    return 1;
}

int tables_beyond(Arguments) {
    asm volatile("mov %0, %%cr3" : : "r"(launch().memory_bytes) : "memory");
    return 1;
}

int descriptors_beyond(Arguments) {
    load_interrupt_table({4095, beyond()});
    asm volatile("int3");
    return 1;
}

int stack_beyond(Arguments) {
    asm volatile("mov %0, %%rsp; push %0" : : "r"(beyond() + 64) : "memory");
    return 1;
}

int string_output_beyond(Arguments) {
    std::uint64_t from = beyond();
    std::uint64_t count = 16;
    asm volatile("rep outsb" : "+S"(from), "+c"(count) : "d"(abi::console_port) : "memory");
    return 1;
}

} // namespace twofold::guest
