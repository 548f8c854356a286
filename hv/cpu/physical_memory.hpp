// Physical memory, which the hypervisor maps to itself.
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/paging/memory.hpp>

#include <cstdint>
#include <expected>

namespace twofold::hv {

/// Where an hpa can be reached. RAM only: nothing else is mapped.
template <class T>
T* at(Hpa address) {
    return reinterpret_cast<T*>(address.value());
}

/// What walkers and editors of page tables work through. Each access is one load or store.
class PhysicalMemory {
  public:
    using Error = NoMemoryError;

    template <class Word>
    std::expected<Word, Error> read(Hpa address) {
        return __atomic_load_n(at<Word>(address), __ATOMIC_RELAXED);
    }
    template <class Word>
    std::expected<void, Error> write(Hpa address, Word word) {
        __atomic_store_n(at<Word>(address), word, __ATOMIC_RELAXED);
        return {};
    }
};

} // namespace twofold::hv
