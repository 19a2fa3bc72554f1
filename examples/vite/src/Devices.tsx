import { useMutation, useQuery } from "@tanstack/react-query";
import { api, queryClient } from "./api.ts";
import { Problem } from "./Problem.tsx";

/** Lists the devices that the player has signed in from. */
export function Devices() {
  const devices = useQuery(api.account.devices.list.queryOptions());
  const onSuccess = () => queryClient.invalidateQueries(api.account.devices.list.pathFilter());
  const rename = useMutation(api.account.devices.rename.mutationOptions({ onSuccess }));
  const forget = useMutation(api.account.devices.forget.mutationOptions({ onSuccess }));

  return (
    <section>
      <h2>Devices</h2>
      <Problem error={devices.error ?? rename.error ?? forget.error} />
      <ul>
        {devices.data?.map((device) => (
          <li key={device.id}>
            {device.name ?? device.description ?? "An unknown device"}
            {device.isThis && " (this device)"}
            <form
              onSubmit={(event) => {
                event.preventDefault();
                const name = String(new FormData(event.currentTarget).get("name"));
                rename.mutate({ deviceId: device.id, name });
              }}
            >
              <label>
                Name <input name="name" defaultValue={device.name ?? ""} />
              </label>
              <button type="submit">Rename</button>
            </form>
            <button type="button" onClick={() => forget.mutate({ deviceId: device.id })}>
              Forget
            </button>
          </li>
        ))}
      </ul>
      <button type="button" onClick={() => devices.refetch()}>
        Reload
      </button>
    </section>
  );
}
