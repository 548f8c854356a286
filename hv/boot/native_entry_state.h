// The registers of abi/launch_info.hpp's entry state, for assembly. native_launch.cpp asserts what
// they are made of.
#pragma once

#define NATIVE_CR0 0x80010033
#define NATIVE_CR4 0x220
#define NATIVE_EFER 0xd00
