// What the processors of one machine answer to CPUID: each its own number, all the same shape.
#include "kvm/cpuid.hpp"
#include "tests/catch.hpp"

#include <set>

namespace cpuid_test {

namespace kvm = twofold::vmm::kvm;

namespace {

/// Leaves that tell of a processor's place, as a kernel gives them for the host's.
kvm::CpuidTable supported() {
    kvm::CpuidTable table{};
    for (auto const& [leaf, subleaf] : {std::pair{0x01U, 0U},
                                        {0x0bU, 0U},
                                        {0x0bU, 1U},
                                        {0x1fU, 1U},
                                        {0x8000'001eU, 0U},
                                        {7U, 0U}}) {
        auto& entry = table.entries[table.count++];
        entry.function = leaf;
        entry.index = subleaf;
        entry.eax = entry.ebx = entry.ecx = entry.edx = 0x5500'1234;
    }
    return table;
}

} // namespace

TEST_CASE("each processor has an identifier of its own, in every leaf the same") {
    std::set<unsigned> seen;
    for (unsigned n = 0; n < 5; ++n) {
        auto const table = kvm::cpuid_of(supported(), {n, 5});
        auto const& entries = table.entries;
        CHECK(table.count == 6);
        CHECK(entries[0].ebx >> 24 == n);
        CHECK((entries[0].ebx >> 16 & 0xff) == 5);
        CHECK((entries[0].ebx & 0xffff) == 0x1234);
        CHECK((entries[0].edx >> 28 & 1) == 1);
        for (unsigned leaf : {1U, 2U, 3U})
            CHECK(entries[leaf].edx == n);
        CHECK(entries[4].eax == n);
        CHECK(entries[1].ebx == 1); // threads of a core
        CHECK(entries[2].ebx == 5); // and of the package
        CHECK(1U << entries[2].eax >= 5);
        CHECK(entries[5].eax == 0x5500'1234);
        seen.insert(entries[0].ebx >> 24);
    }
    CHECK(seen.size() == 5);
}

TEST_CASE("the timer that ends at a time stamp is told where the kernel has it") {
    CHECK((kvm::cpuid_of(supported(), {0, 1, true}).entries[0].ecx >> 24 & 1) == 1);
    auto table = supported();
    table.entries[0].ecx = 0;
    CHECK(kvm::cpuid_of(table, {0, 1, false}).entries[0].ecx == 0);
}

} // namespace cpuid_test
