#include "sim/sparse_memory.hpp"

#include "system/failure.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <cerrno>

namespace twofold::vmm {

SparseMemory::SparseMemory(std::uint64_t bytes) : bytes_(bytes), last_word_(bytes - word_bytes) {
    void* const at = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        throw SystemFailure{
            fmt::format("can't reserve {} GiB of address space for simulated memory", bytes_ >> 30),
            errno};
    base_ = static_cast<std::byte*>(at);
}

void SparseMemory::fail(Hpa address) {
    throw Failure{fmt::format("simulated page tables lead to {:#x}, beyond the memory they lie in",
                              address.value())};
}

SparseMemory::~SparseMemory() { munmap(base_, bytes_); }

} // namespace twofold::vmm
