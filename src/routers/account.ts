import { z } from "zod";
import { uuid } from "../validation/index.ts";
import { deviceName } from "./device-name.ts";
import { factorProofShape, hasOneProof, oneProof } from "./factor-proof.ts";
import { ownProcedure } from "./procedure.ts";
import { t } from "./trpc.ts";

/** Open to moderators and administrators who have no second factor yet. */
const enrolling = { stages: ["enrolment"], recent: "always" } as const;

const twoFactorRouter = t.router({
  /** Begins an enrolment: answers a new secret and its URI for a QR code. A code must confirm it within 10 minutes. */
  enrol: ownProcedure(enrolling).mutation(async ({ ctx: { session, actor, services } }) => {
    const { username } = await services.users.findById(session.userId);
    return services.identity.ownFactor.enrol(actor, session, username);
  }),

  /** Confirms the enrolment by a code of the authenticator, and answers recovery codes, which are shown once. */
  confirm: ownProcedure({ ...enrolling, isCredential: true })
    .input(z.strictObject({ code: z.string("must be a text").max(100, "must be at most 100 characters") }))
    .mutation(async ({ ctx: { session, actor, services }, input }) => ({
      recoveryCodes: await services.identity.ownFactor.confirm(actor, session, input.code),
    })),

  /** Removes the second factor, after a code or a recovery code. */
  disable: ownProcedure({ recent: "always", isCredential: true })
    .input(z.strictObject(factorProofShape).refine(hasOneProof, oneProof))
    .mutation(async ({ ctx: { session, actor, services }, input }) => {
      await services.identity.ownFactor.disable(actor, session, input);
    }),
});

const recoveryCodesRouter = t.router({
  /** Replaces the recovery codes, and answers the new ones, which are shown once. */
  renew: ownProcedure({ recent: "always" }).mutation(async ({ ctx: { session, actor, services } }) => ({
    recoveryCodes: await services.identity.ownFactor.renewRecoveryCodes(actor, session),
  })),

  /** The number of recovery codes that are left; null without a second factor. */
  count: ownProcedure().query(
    async ({ ctx: { caller, services } }) => (await services.secondFactors.countRecoveryCodes(caller.id)) ?? null,
  ),
});

const deviceInput = z.strictObject({ deviceId: uuid });
const renameInput = deviceInput.extend({
  name: z
    .string("must be a text")
    .trim()
    .min(1, "must not be empty")
    .max(50, "must be at most 50 characters")
    .nullable(),
});

const devicesRouter = t.router({
  /** The known devices of the account, the last used first. */
  list: ownProcedure().query(async ({ ctx: { caller, services } }) => {
    const current = await services.sessions.findById(caller.sessionId);
    const devices = await services.devices.list(caller.id);
    return devices.map((device) => ({
      ...device,
      description: deviceName(device.userAgent),
      /** Whether this session was signed in from it. */
      isThis: device.id === current.deviceId,
    }));
  }),

  /** Names a device; null removes the name. */
  rename: ownProcedure()
    .input(renameInput)
    .mutation(({ ctx: { caller, actor, services }, input }) =>
      services.devices.rename(actor, caller.id, input.deviceId, input.name),
    ),

  /** Forgets a device: its next sign-in is a stranger's. Its sessions go on. */
  forget: ownProcedure()
    .input(deviceInput)
    .mutation(async ({ ctx: { caller, actor, services }, input }) => {
      await services.devices.forget(actor, caller.id, input.deviceId);
    }),
});

/** Named, so that the packed client keeps the doc comments of the procedures. */
type Routers = {
  devices: typeof devicesRouter;
  twoFactor: typeof twoFactorRouter;
  recoveryCodes: typeof recoveryCodesRouter;
};

export const accountRouter = t.router<Routers>({
  devices: devicesRouter,
  twoFactor: twoFactorRouter,
  recoveryCodes: recoveryCodesRouter,
});
